"""The runtime loop of the Lambda function."""
