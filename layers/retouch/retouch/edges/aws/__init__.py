"""What stands at AWS: the bucket, secrets and tables, one session for all."""
