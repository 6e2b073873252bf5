"""Text that the gateway reads: JSON, event streams, base64, error sentences and regular expressions."""
