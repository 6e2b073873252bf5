"""From a stranger's URL to a connection: one look-up of the name, every address checked, and one of those dialled.

A name that leads to one address which is not allowed is not trusted with the others. Nothing is looked up twice, so
the address that was checked is the one that is spoken to.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from retouch.edges.fetch.dial import Connection, Dial, Dialer, Resolve, resolve
from retouch.guard.policy import Policy
from retouch.guard.refusals import FetchError
from retouch.guard.url import Url

_ATTEMPTS = 5  # addresses tried for one name

Left = Callable[[], float]  # the seconds the next step may take; TimeoutError when none
Note = Callable[[str], None]  # is told each address, before it is checked and before it is dialled


@dataclass(frozen=True, slots=True)
class Reach:
    """What it takes to get somewhere. Keeps nothing; safe to share between threads."""

    policy: Policy
    resolve: Resolve = resolve
    dial: Dial = field(default_factory=Dialer)

    def __call__(self, url: Url, left: Left, note: Note) -> Connection:
        """A connection to the first address that takes one. FetchError where nothing may or will."""
        self.policy.check(url)
        reason = "upstream_unreachable"
        for address in self._addresses(url, left, note)[:_ATTEMPTS]:
            note(address)
            try:
                return self.dial(address, url.port, url.host, url.scheme == "https", left())
            except ssl.SSLError:
                reason = "tls_failed"
            except (OSError, ValueError):
                reason = "upstream_unreachable"
        raise FetchError(reason)

    def _addresses(self, url: Url, left: Left, note: Note) -> list[str]:
        """Every address of the host, all of them allowed."""
        found = [str(url.address)] if url.address else self._resolved(url.host, left)
        checked = []
        for address in found:
            note(address)
            checked.append(self.policy.check_address(url, address))
        # A function outside a dual-stack VPC has no way out by IPv6.
        return sorted(checked, key=lambda address: ":" in address)

    def _resolved(self, host: str, left: Left) -> list[str]:
        try:
            found = list(self.resolve(host, left()))
        except (OSError, ValueError):
            found = []
        if not found:
            raise FetchError("dns_failed")
        return found
