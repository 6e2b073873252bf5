"""The choice between AWS and local files for each store, from the settings."""
