"""A small HTTP/1.1 client for the gateway's own calls: to providers and to AWS services."""
