"""Reads the client's credentials from the key headers and from `x-portkey-provider`.

The key headers are `Authorization`, `api-key` of Azure's SDKs, and `x-portkey-api-key`.
"""

from __future__ import annotations

from collections.abc import Mapping

from retouch.core.client_credentials import (
    GATEWAY_KEY_PREFIX,
    ClientCredentials,
    is_header_safe,
    is_placeholder,
)
from retouch.core.errors import Unauthorized


def read_gateway_key(headers: Mapping[str, str]) -> str | None:
    """Return the gateway's key in the headers, or None. It may be in any key header."""
    keys = (value.strip() for value in _key_header_values(headers))
    return next((key for key in keys if _is_gateway_key(key)), None)


def read_credentials(headers: Mapping[str, str]) -> ClientCredentials:
    """Read the credentials from the headers. Raises Unauthorized when a key is not printable ASCII.

    A gateway key may be in any key header. When several headers have a provider key, the first of `Authorization`,
    `api-key` and `x-portkey-api-key` wins.
    """
    keys = [key for key in map(_clean_key, _key_header_values(headers)) if key]
    gateway_key = next((key for key in keys if _is_gateway_key(key)), None)
    provider_key = next((key for key in keys if not _is_gateway_key(key)), None)
    provider = headers.get("x-portkey-provider", "").strip()
    return ClientCredentials(provider or None, provider_key, gateway_key)


def _key_header_values(headers: Mapping[str, str]) -> tuple[str, ...]:
    return (
        _bearer_token(headers.get("authorization", "")),
        headers.get("api-key", ""),
        headers.get("x-portkey-api-key", ""),
    )


def _is_gateway_key(key: str) -> bool:
    return key.startswith(GATEWAY_KEY_PREFIX) and is_header_safe(key)


def _bearer_token(value: str) -> str:
    scheme, _, rest = value.strip().partition(" ")
    return rest if scheme.lower() == "bearer" else value


def _clean_key(key: str) -> str | None:
    key = key.strip()
    if not is_header_safe(key):
        raise Unauthorized("The API key must be printable ASCII. Send it without other characters.")
    return None if is_placeholder(key) else key
