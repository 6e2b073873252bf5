"""Logs, metrics and notices of the functions."""
