"""Routing: a config object says which targets may serve a request, in what order, and what to do when one fails."""
