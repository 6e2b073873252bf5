"""Who calls and with what key: the headers that name a provider and carry its key.

SDKs insist on sending a key even where the caller has none, so their placeholders count as absent
(openai-node "DUMMY-KEY", portkey-ai "OPENAI_API_KEY", a missing variable in JavaScript "undefined").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from retouch.errors import InvalidRequest

_PLACEHOLDERS = frozenset(
    (
        "",
        "openai_api_key",
        "dummy-key",
        "dummy",
        "undefined",
        "null",
        "none",
        "unused",
        "not-needed",
    )
)


@dataclass(frozen=True, slots=True)
class Caller:
    """What the headers say. The key is in no repr and no log."""

    provider: str | None = None
    key: str | None = field(default=None, repr=False)


def caller(headers: Mapping[str, str]) -> Caller:
    """Read the headers; `Authorization` wins over `x-portkey-api-key`. InvalidRequest for a key no header may carry."""
    key = _usable(_bearer(headers.get("authorization", ""))) or _usable(
        headers.get("x-portkey-api-key", "")
    )
    if key and not (key.isascii() and key.isprintable()):
        raise InvalidRequest(
            "The API key contains characters that no key has.", code="invalid_api_key"
        )
    provider = headers.get("x-portkey-provider", "").strip().lstrip("@").lower()
    return Caller(provider or None, key)


def _bearer(value: str) -> str:
    scheme, _, rest = value.strip().partition(" ")
    return rest if scheme.lower() == "bearer" else value


def _usable(key: str) -> str | None:
    key = key.strip()
    return None if key.lower() in _PLACEHOLDERS else key
