"""What stands between the template and an AWS account."""
