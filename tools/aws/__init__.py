"""Tools for deployments on AWS: costs, cold starts and emulators."""
