"""Deterministic edits: a closed list of operations, each with a strict form, carried out with Pillow alone.

`registry` is the list. `steps` reads a plan written by somebody who is not trusted, runs it and says it in words.
Nothing here knows HTTP, a provider or a prompt; nothing here is random.
"""
