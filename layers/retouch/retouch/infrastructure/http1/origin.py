"""Splits URLs into the origin to connect to and the target of the request line."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Characters that stay as they are: the reserved ones, and "%" of an encoding that exists already.
_SAFE_CHARACTERS = "%/:=&?~#+!$,;'@()*[]"


class Origin(NamedTuple):
    """The server of a URL."""

    scheme: str
    host: str  # An ASCII name or an IP address without brackets.
    port: int


class RequestTarget(NamedTuple):
    """Where a request goes."""

    origin: Origin
    host_header: str
    path: str  # With the query, and encoded.


@lru_cache(maxsize=256)
def parse_target(url: str) -> RequestTarget:
    """Return the target of an http or https URL. Its fragment and its user name are dropped.

    Raises ValueError for another scheme, a missing host, an invalid port or a name that is not a host name.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("The URL has no http or https host.")
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    host = _encode_host(parts.hostname)
    name = f"[{host}]" if ":" in host else host
    host_header = name if port == _DEFAULT_PORTS[parts.scheme] else f"{name}:{port}"
    query = f"?{parts.query}" if parts.query else ""
    path = quote((parts.path or "/") + query, safe=_SAFE_CHARACTERS)
    return RequestTarget(Origin(parts.scheme, host, port), host_header, path)


def _encode_host(host: str) -> str:
    if host.isascii():
        return host
    import idna  # Few hosts need it.

    return idna.encode(host, uts46=True).decode()
