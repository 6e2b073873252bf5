"""What a fetch may do: schemes, ports, hosts, sizes and times, in one table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from retouch.guard import addresses, names
from retouch.guard.refusals import FetchError
from retouch.guard.url import Url, canonical_host

_ENTRY = re.compile(r"(?P<host>\[[^\]]+\]|[^:\[\]]+):(?P<port>[1-9][0-9]{0,4})")


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a fetch; the defaults are production's.

    `allow` are the operator's exceptions (RETOUCH_FETCH_ALLOW): these hosts at these ports may be spoken to by
    http or https and may be private or loopback. They count as listed in `hosts` too.
    """

    schemes: tuple[str, ...] = ("https",)
    ports: tuple[int, ...] = (443,)
    allow: frozenset[tuple[str, int]] = frozenset()
    hosts: tuple[str, ...] = ()  # when given, only these: "cdn.example.com", "*.provider.test"
    redirects: int = 3
    most_bytes: int = 26_214_400
    longest_url: int = 4096
    connect_seconds: float = 3.0  # for the connection and the TLS handshake; as much for the name
    gap_seconds: float = 10.0  # between two pieces of an answer
    total_seconds: float = 20.0
    formats: tuple[str, ...] = ("png", "jpeg", "webp")

    @classmethod
    def from_text(cls, allow: str) -> Policy:
        """The defaults with exceptions "host:port, host:port". ValueError names an entry that is not one."""
        entries = allow.split(",") if allow.strip() else []
        return cls(allow=frozenset(_exception(entry.strip()) for entry in entries))

    def check(self, url: Url) -> None:
        """FetchError for a scheme, port or name that is not allowed."""
        if (url.host, url.port) in self.allow:
            return
        if url.scheme not in self.schemes:
            raise FetchError("scheme_not_allowed")
        if url.port not in self.ports:
            raise FetchError("port_not_allowed")
        if self.hosts and not names.is_listed(url.host, self.hosts):
            raise FetchError("host_not_allowed")
        if not url.address and names.is_special(url.host):
            raise FetchError("host_not_allowed")

    def check_address(self, url: Url, text: str) -> str:
        """The address in its one spelling, if a connection for `url` may go there. FetchError otherwise."""
        address = addresses.parsed(text)
        if address and (addresses.kind(address) == "public" or self._excepted(url, address)):
            return str(address)
        raise FetchError("address_not_public")

    def _excepted(self, url: Url, address: addresses.Address) -> bool:
        """A link-local or metadata address must itself be listed; a name that leads there is not enough."""
        listed = (url.host, url.port) in self.allow
        literally = (str(address), url.port) in self.allow
        return listed and (literally or addresses.openable(address, url.port))


def _exception(entry: str) -> tuple[str, int]:
    parts = _ENTRY.fullmatch(entry)
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
