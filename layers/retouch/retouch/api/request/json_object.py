"""Reads the body of a route that takes a small JSON object."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson

from retouch.core.edit_types import HttpRequest
from retouch.core.errors import InvalidRequest

_MAX_SHOWN_CHARS = 64


def read_json_object(request: HttpRequest, names: Collection[str], subject: str) -> dict[str, Any]:
    """Return the fields of the body, without those that are null. An empty body has no fields.

    `subject` is what the fields belong to, such as "An upload". Raises InvalidRequest for a field with another name.
    """
    try:
        fields = orjson.loads(request.body or b"{}")
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise InvalidRequest("The body must be a JSON object or empty.", code="invalid_json")
    fields = {name: value for name, value in fields.items() if value is not None}
    for name in fields:
        if name not in names:
            shown = name[:_MAX_SHOWN_CHARS]
            known = " and ".join(f"'{known}'" for known in names) or "no fields"
            raise InvalidRequest(
                f"Unknown parameter: '{shown}'. {subject} takes {known}.",
                param=shown,
                code="unknown_parameter",
            )
    return fields
