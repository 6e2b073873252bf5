"""Who calls and with what keys: the headers that name a provider, carry its key, or the gateway's own.

SDKs insist on sending a key even where the caller has none, so their placeholders count as absent
(openai-node "DUMMY-KEY", portkey-ai "OPENAI_API_KEY", a missing variable in JavaScript "undefined").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from retouch.errors import Unauthorized

GATEWAY_PREFIX = "rt_"
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
    """What the headers say. Keys are in no repr and no log."""

    provider: str | None = (
        None  # as it was named: a slug, or "@" and a slug or a virtual key's name
    )
    key: str | None = field(default=None, repr=False)  # the provider's
    gateway_key: str | None = field(default=None, repr=False)  # ours, and never a provider's
    options: Mapping[str, str] = field(default_factory=dict, repr=False)  # settings by header name
    host: str | None = None  # the base URL to be asked instead of the provider's
    forward: Mapping[str, str] = field(default_factory=dict, repr=False)  # headers to send on
    lent: bool = False  # the key is the operator's, under a name that the caller knows


def caller(headers: Mapping[str, str]) -> Caller:
    """Read the headers. Unauthorized for a key that no header may carry.

    A gateway key may stand in either header; of provider keys `Authorization` wins.
    """
    found = (_bearer(headers.get("authorization", "")), headers.get("x-portkey-api-key", ""))
    keys = [key for key in map(_usable, found) if key]
    gateway = next((key for key in keys if key.startswith(GATEWAY_PREFIX)), None)
    provider_key = next((key for key in keys if not key.startswith(GATEWAY_PREFIX)), None)
    provider = headers.get("x-portkey-provider", "").strip()
    return Caller(provider or None, provider_key, gateway)


def _bearer(value: str) -> str:
    scheme, _, rest = value.strip().partition(" ")
    return rest if scheme.lower() == "bearer" else value


def _usable(key: str) -> str | None:
    key = key.strip()
    if not sendable(key):
        raise Unauthorized("The API key contains characters that no key has.")
    return None if is_placeholder(key) else key


def sendable(text: str) -> bool:
    """Whether a header can carry it: printable ASCII."""
    return text.isascii() and text.isprintable()


def is_placeholder(key: str) -> bool:
    """Whether it is no key at all, but what an SDK sends where its user has none."""
    return key.lower() in _PLACEHOLDERS


def unfit(text: str) -> str | None:
    """The rule that a key or setting for a provider breaks, in words that do not repeat it; None where it is fit."""
    if not sendable(text):
        return "contains characters that no header can carry; it must be printable ASCII"
    if text.startswith(GATEWAY_PREFIX):
        return "is a key of this gateway, which no provider gets; send it as x-portkey-api-key"
    return None
