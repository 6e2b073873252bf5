"""The structure of PNG, JPEG and WebP files."""
