"""The way to URLs that somebody else chose, all of it behind the guard."""
