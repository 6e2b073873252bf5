"""The rules for one fetch: schemes, ports, hosts, sizes and times."""

from __future__ import annotations

import re

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.image_formats import (
    INPUT_FORMATS,
    OTHER_FORMATS,
    detect_format,
    detect_other_format,
    list_formats,
)
from retouch.core.url_policy import hostnames, ip_ranges
from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.url import Url, canonical_host

# Of a result that is paid for: it is delivered as it is when the gateway cannot open it.
RESULT_FORMATS = (*INPUT_FORMATS, *OTHER_FORMATS)
# A result is paid for, so an image is taken with any of them. Its structure shows whether it is whole.
RESULT_STATUSES = tuple(range(200, 300))
_EXCEPTION_PATTERN = re.compile(r"(?P<host>\[[^\]]+\]|[^:\[\]]+):(?P<port>[1-9][0-9]{0,4})")


@frozen_dataclass
class FetchPolicy:
    """The rules of a fetch. The defaults are those of production.

    `allow` holds the operator's exceptions (RETOUCH_FETCH_ALLOW, or RETOUCH_WEBHOOK_ALLOW). These hosts at these ports
    may be reached by http or https, and may have private or loopback addresses. They also count as members of `hosts`.
    """

    schemes: tuple[str, ...] = ("https",)
    ports: tuple[int, ...] = (443,)
    allow: frozenset[tuple[str, int]] = frozenset()
    # if set, the only allowed ones: "cdn.example.com", "*.provider.test"
    hosts: tuple[str, ...] = ()
    max_redirects: int = 3
    max_bytes: int = 26_214_400
    max_url_length: int = 4096
    connect_seconds: float = 3.0  # for connection and TLS handshake; the same again for the name
    read_seconds: float = 10.0  # between two chunks of a response
    total_seconds: float = 20.0
    formats: tuple[str, ...] = INPUT_FORMATS
    # The compressions that are undone: "gzip", "deflate". Others are refused.
    codings: tuple[str, ...] = ()
    # those of a response with a whole file; some proxies send 203
    success_statuses: tuple[int, ...] = (200, 201, 203)
    user_agent: str = "retouch"

    @classmethod
    def from_text(cls, allow: str, user_agent: str = "retouch") -> FetchPolicy:
        """Return the defaults with exceptions "host:port, host:port".

        Raises ValueError, which names the invalid entry.
        """
        entries = allow.split(",") if allow.strip() else []
        exceptions = frozenset(_parse_exception(entry.strip()) for entry in entries)
        return cls(allow=exceptions, user_agent=user_agent)

    def check_url(self, url: Url) -> None:
        """Raise FetchError when the scheme, port or name of the URL is not allowed."""
        if (url.host, url.port) in self.allow:
            return
        if url.scheme not in self.schemes:
            raise FetchError("scheme_not_allowed")
        if url.port not in self.ports:
            raise FetchError("port_not_allowed")
        if self.hosts and not hostnames.matches_any(url.host, self.hosts):
            raise FetchError("host_not_allowed")
        if not url.ip_address and hostnames.is_local_name(url.host):
            raise FetchError("host_not_allowed")

    def accepts(self, first_bytes: bytes) -> bool:
        """Return whether a body begins as an image in an accepted format. 12 bytes are enough."""
        format = detect_format(first_bytes) or detect_other_format(first_bytes)
        return format in self.formats

    def unsupported_format_error(self) -> FetchError:
        """Return the error for a body that is not accepted."""
        names = list_formats(self.formats)
        return FetchError(
            "not_an_image",
            f"The URL does not lead to an image in an accepted format: {names} are accepted. Use another one.",
        )

    def check_address(self, url: Url, text: str) -> str:
        """Return the address in its canonical spelling when a connection for `url` may use it.

        Raises FetchError otherwise.
        """
        address = ip_ranges.parse_address(text)
        if address and (
            ip_ranges.classify_address(address) == "public" or self._is_exception(url, address)
        ):
            return str(address)
        raise FetchError("address_not_public")

    def _is_exception(self, url: Url, address: ip_ranges.IpAddress) -> bool:
        """Return whether an exception covers the address.

        A link-local or metadata address must be listed itself. A listed name that resolves to it is not enough.
        """
        is_host_listed = (url.host, url.port) in self.allow
        is_address_listed = (str(address), url.port) in self.allow
        return is_host_listed and (is_address_listed or ip_ranges.can_allow(address, url.port))


def _parse_exception(entry: str) -> tuple[str, int]:
    parts = _EXCEPTION_PATTERN.fullmatch(entry)
    if not parts or int(parts["port"]) > 65_535:
        raise ValueError(
            f"{entry!r} is not an exception: write host:port, as in images.example.com:8443."
        )
    try:
        return canonical_host(parts["host"]), int(parts["port"])
    except FetchError:
        raise ValueError(
            f"{entry!r} does not name a host: write host:port without a scheme or path."
        ) from None
