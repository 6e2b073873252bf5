"""The tree of targets that a request asks for: its config's, inline or saved, else the one that its headers name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from retouch.routing.config import parse
from retouch.routing.tree import Leaf, Tree
from retouch.wire.portkey import Portkey

_NOTHING = Leaf("config")


def tree_of(asked: Portkey, saved: Callable[[str], Mapping[str, Any]]) -> Tree:
    """The tree. InvalidConfig where the config cannot be used."""
    if asked.config is None:
        return _NOTHING
    return parse(saved(asked.config) if isinstance(asked.config, str) else asked.config)
