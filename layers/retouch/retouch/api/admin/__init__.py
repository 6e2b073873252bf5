"""The admin API: keys, workspaces, virtual keys and configs in Portkey's paths, names and envelopes."""
