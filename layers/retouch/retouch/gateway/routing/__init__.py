"""Routing of a request to targets.

A config object names the targets that may serve a request, their order, and what happens when a target fails.
"""
