"""The mirror: copies of URLs in the bucket."""
