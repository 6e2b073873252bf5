"""The tree of targets that a request asks for: its config's, inline or saved, else the one that its headers name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from retouch.routing.config import parse
from retouch.routing.problems import InvalidConfig
from retouch.routing.tree import Leaf, Tree, leaves
from retouch.wire.portkey import Portkey

_NOTHING = Leaf("config")


def tree_of(
    asked: Portkey, saved: Callable[[str], Mapping[str, Any]], families: tuple[str, ...]
) -> Tree:
    """The tree; `families` as for `parse`. InvalidConfig where the config cannot be used."""
    if asked.config is None:
        return _NOTHING
    if not isinstance(asked.config, str):
        return parse(asked.config, families)
    tree = parse(saved(asked.config), families)
    for leaf in leaves(tree):
        if leaf.key and leaf.provider is None:  # else the request would choose who gets to see it
            raise InvalidConfig(leaf.path, "is saved with an api_key and must name its provider")
    return tree
