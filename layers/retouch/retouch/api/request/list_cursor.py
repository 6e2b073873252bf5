"""Reads the parameter `after` of a list: the id of the last object of the page before."""

from __future__ import annotations

import re
from collections.abc import Mapping

from retouch.core.errors import InvalidRequest
from retouch.core.parameters import quote_value

_ID_CHARS = re.compile("[0-9a-z]{24}(?:[0-9a-z]{10})?", re.ASCII)


def read_cursor(query: Mapping[str, str], prefix: str) -> str:
    """Return the id in `after`, or "" without one. Raises InvalidRequest for a text that is not an id of that kind.

    A text that is not an id would lead to the first page again, and a client that follows the pages would never end.
    """
    after = query.get("after", "")
    if after and not (after.startswith(prefix) and _ID_CHARS.fullmatch(after.removeprefix(prefix))):
        raise InvalidRequest(
            f"Invalid value {quote_value(after)} for 'after': it must be the 'last_id' of the page before, which "
            f"begins with '{prefix}'.",
            param="after",
        )
    return after
