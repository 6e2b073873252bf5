"""Reads the client's credentials from the key headers and from `x-portkey-provider`.

The key headers are `Authorization`, `api-key` of Azure's SDKs, and `x-portkey-api-key`.
"""

from __future__ import annotations

from collections.abc import Mapping

from retouch.core.credentials.client_credentials import (
    ClientCredentials,
    is_header_safe,
    is_placeholder,
)
from retouch.core.credentials.gateway_keys import GATEWAY_KEY_PREFIX
from retouch.core.errors import Unauthorized

KEY_HEADERS = ("authorization", "api-key", "x-portkey-api-key")


def read_gateway_key(headers: Mapping[str, str]) -> str | None:
    """Return the gateway's key in the headers, or None. It may be in any key header."""
    return next((key for key in _raw_keys(headers) if _is_gateway_key(key)), None)


def has_gateway_key(header_name: str, value: str) -> bool:
    """Return whether the header is a key header and its value is a gateway key and nothing else."""
    return header_name in KEY_HEADERS and _is_gateway_key(_bearer_token(value))


def read_credentials(headers: Mapping[str, str]) -> ClientCredentials:
    """Read the credentials from the headers. Raises Unauthorized when a key is not printable ASCII.

    A gateway key may be in any key header. When several headers have a provider key, the first of `Authorization`,
    `api-key` and `x-portkey-api-key` wins.
    """
    keys = [key for key in map(_clean_key, _raw_keys(headers)) if key]
    gateway_key = next((key for key in keys if _is_gateway_key(key)), None)
    provider_key = next((key for key in keys if not _is_gateway_key(key)), None)
    provider = headers.get("x-portkey-provider", "").strip()
    return ClientCredentials(provider or None, provider_key, gateway_key)


def _raw_keys(headers: Mapping[str, str]) -> list[str]:
    return [_bearer_token(headers.get(name, "")) for name in KEY_HEADERS]


def _is_gateway_key(key: str) -> bool:
    return key.startswith(GATEWAY_KEY_PREFIX) and is_header_safe(key)


def _bearer_token(value: str) -> str:
    value = value.strip()
    scheme, _, rest = value.partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else value


def _clean_key(key: str) -> str | None:
    if not is_header_safe(key):
        raise Unauthorized("The API key must be printable ASCII. Send it without other characters.")
    return None if is_placeholder(key) else key
