"""The rate limits of a gateway key: requests, pictures, tokens, and questions about a job."""
