"""The guard: what may be fetched when someone else chose the URL. Pure rules; edges/fetch/fetcher.py keeps to them."""
