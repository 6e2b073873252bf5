"""The way to providers: the wall, what their own hosts are, and who vouches for us."""
