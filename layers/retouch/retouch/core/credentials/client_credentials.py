"""The client's credentials: the provider that it names, the provider's key, and the key of the gateway.

`api/request/credentials.py` reads them from the headers. SDKs always send a key, even when the caller has none. So a
placeholder counts as absent (openai-node sends "DUMMY-KEY", portkey-ai sends "OPENAI_API_KEY", and a missing JavaScript
variable becomes "undefined").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from retouch.core.credentials.gateway_keys import GATEWAY_KEY_PREFIX, contains_gateway_key
from retouch.core.frozen_dataclass import frozen_dataclass

_PLACEHOLDER_KEYS = frozenset(
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


@frozen_dataclass
class ClientCredentials:
    """The credentials that the headers carry. Keys never appear in a repr or in the log."""

    # as the caller wrote it: a slug, "@" and a slug, or "@" and a virtual key's name
    provider: str | None = None
    key: str | None = field(default=None, repr=False)  # the provider's key
    gateway_key: str | None = field(default=None, repr=False)  # this gateway's key
    options: Mapping[str, str] = field(default_factory=dict, repr=False)  # provider options
    custom_host: str | None = None  # base URL to use instead of the provider's
    # sent to the provider
    forwarded_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_virtual_key: bool = False  # the key belongs to the operator; the caller knows only its name


def is_header_safe(text: str) -> bool:
    """Return whether an HTTP header can carry the text, which must be printable ASCII."""
    return text.isascii() and text.isprintable()


def is_placeholder(key: str) -> bool:
    """Return whether the key is one of the placeholders that SDKs send when the user has no key."""
    return key.lower() in _PLACEHOLDER_KEYS


def key_problem(text: str) -> str | None:
    """Return the rule that a provider's key or setting breaks, or None when it breaks none.

    The rule does not repeat the value, because the value may be secret.
    """
    if not is_header_safe(text):
        return "contains characters that an HTTP header cannot carry; it must be printable ASCII"
    if text.lower().startswith(GATEWAY_KEY_PREFIX) or contains_gateway_key(text):
        return "contains a key of this gateway, which is never sent to a provider; send it as x-portkey-api-key"
    return None
