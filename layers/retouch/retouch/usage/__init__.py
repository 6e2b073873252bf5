"""Usage: one event for each attempt of an edit, sums of events, and the answers of the analytics routes."""
