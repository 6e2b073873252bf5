"""Parser of the caller's `Idempotency-Key`: one key for each image that the caller wants.

The draft draft-ietf-httpapi-idempotency-key-header-06 makes the value a structured-field string in quotes (RFC 8941,
section 3.3.3). Most clients send it without quotes, so both are accepted.
"""

from __future__ import annotations

import re

from retouch.core.errors import InvalidRequest

HEADER_NAME = "Idempotency-Key"
_MAX_CHARS = 255
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_ESCAPED = re.compile(r"\\(.)")
_VISIBLE = re.compile(r"[!-~]+")
# Several header lines with this name arrive as one, separated by commas.
_BARE = re.compile(r"[!#-+\--~]+")


def parse_idempotency_key(text: object, param: str = HEADER_NAME) -> str:
    """Return the key. Raises InvalidRequest with the code `invalid_idempotency_key`."""
    value = text.strip(" \t") if isinstance(text, str) else ""
    quoted = _QUOTED.fullmatch(value)
    key = _ESCAPED.sub(r"\1", quoted[1]) if quoted else value
    is_allowed = _VISIBLE.fullmatch(key) if quoted else _BARE.fullmatch(key)
    if not is_allowed or len(key) > _MAX_CHARS:
        raise InvalidRequest(
            f"The {param} must be 1 to {_MAX_CHARS} visible ASCII characters, sent once. Put it in double quotes if it "
            "contains a comma or a quote. Use one key for each image that you want, e.g. a UUID.",
            param=param,
            code="invalid_idempotency_key",
        )
    return key
