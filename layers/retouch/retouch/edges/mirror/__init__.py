"""The mirror function's side of the world."""
