"""Tenants: workspaces, their gateway keys with limits, and the virtual keys that they may use."""
