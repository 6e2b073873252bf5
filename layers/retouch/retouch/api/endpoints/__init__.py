"""Endpoints other than the edit."""
