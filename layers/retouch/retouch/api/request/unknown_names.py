"""Rejects parameters that a route does not have, so that none is dropped silently."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from retouch.core.errors import InvalidRequest
from retouch.core.parameters import quote_value

_MAX_SHOWN_CHARS = 64


def reject_unknown_names(names: Iterable[str], known: Collection[str]) -> None:
    """Raise InvalidRequest for the first name that is not known."""
    for name in names:
        if name not in known:
            raise InvalidRequest(
                f"Unknown parameter: {quote_value(name)}. This request takes {', '.join(known)}.",
                param=name[:_MAX_SHOWN_CHARS],
                code="unknown_parameter",
            )
