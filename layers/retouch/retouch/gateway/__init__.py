"""The use case: one edit, from request to typed result."""
