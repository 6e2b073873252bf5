"""The results of an edit: the provider's images become files, and the files are delivered."""
