"""The guard: what may be fetched when someone else chose the URL. Pure rules; edges/fetch.py keeps to them."""
