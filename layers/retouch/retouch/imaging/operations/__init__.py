"""Image operations that run without a provider."""
