"""The fetcher: the one function for every URL that someone else chose.

Each hop is read by the grammar, resolved once, checked address by address and asked at a checked address.
What comes is held to a cap, a deadline and the picture formats. One line per fetch goes to the log: hosts,
address, verdict; never a path or a query, since those hold signatures.
"""

from __future__ import annotations

import ssl

from retouch.clock import Clock
from retouch.edges.dial import Connection, Dial, Dialer, Resolve, resolve
from retouch.edges.exchange import Exchange
from retouch.edges.trip import Fetched, Log, Trip, silent
from retouch.guard.policy import Policy
from retouch.guard.refusals import FetchError
from retouch.guard.url import Url, follow, parse

_ATTEMPTS = 5  # addresses tried for one name
_REDIRECTS = {301, 302, 303, 307, 308}


class Fetcher:
    """Fetches pictures under a policy. Keeps nothing between two fetches; safe to share between threads."""

    def __init__(
        self,
        policy: Policy,
        clock: Clock,
        *,
        resolve: Resolve = resolve,
        dial: Dial | None = None,
        log: Log = silent,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._resolve = resolve
        self._dial = dial or Dialer()
        self._log = log

    def open(self, url: str, deadline: float, *, most_bytes: int | None = None) -> Fetched:
        """The picture behind the URL, its head read. FetchError for everything else.

        `deadline` is on the clock's scale; the policy's total time from now on counts when it is shorter.
        `most_bytes` lowers the policy's cap.
        """
        trip = Trip(self._policy, self._clock, self._log, deadline, most_bytes)
        try:
            return self._opened(url, trip)
        except BaseException as broken:
            trip.end(broken)
            raise

    def read(self, url: str, deadline: float, *, most_bytes: int | None = None) -> bytes:
        """The whole picture. FetchError as from `open`."""
        with self.open(url, deadline, most_bytes=most_bytes) as fetched:
            return b"".join(fetched.chunks)

    def _opened(self, text: str, trip: Trip) -> Fetched:
        url = parse(text, self._policy.longest_url)
        for _ in range(self._policy.redirects + 1):
            trip.visit(url)
            self._policy.check(url)
            exchange = self._ask(url, trip)
            if exchange.status not in _REDIRECTS:
                return trip.accept(exchange)
            url = self._next(url, exchange)
        raise FetchError("too_many_redirects")

    def _next(self, url: Url, exchange: Exchange) -> Url:
        """The target of a redirect, to be checked like the first URL. One that is no URL is blocked as well."""
        if len(exchange.locations) != 1:
            raise FetchError("upstream_status")
        try:
            return follow(url, exchange.locations[0], self._policy.longest_url)
        except FetchError as refusal:
            blocked = refusal.code == "ssrf_blocked"
            raise FetchError(refusal.reason if blocked else "redirect_blocked") from None

    def _ask(self, url: Url, trip: Trip) -> Exchange:
        reason = "upstream_unreachable"
        for address in self._addresses(url, trip)[:_ATTEMPTS]:
            trip.address = address
            try:
                connection = self._connected(url, address, trip)
            except ssl.SSLError:
                reason = "tls_failed"
            except (OSError, ValueError):
                reason = "upstream_unreachable"
            else:
                return trip.keep(Exchange(connection, url, trip.gap))
        raise FetchError(reason)

    def _connected(self, url: Url, address: str, trip: Trip) -> Connection:
        seconds = trip.at_most(self._policy.connect_seconds)
        return self._dial(address, url.port, url.host, url.scheme == "https", seconds)

    def _addresses(self, url: Url, trip: Trip) -> list[str]:
        """Every address of the host, all of them allowed; one that is not condemns the name."""
        found = [str(url.address)] if url.address else self._resolved(url.host, trip)
        if not found:
            raise FetchError("dns_failed")
        checked = []
        for address in found:
            trip.address = address  # the log names the one that failed
            checked.append(self._policy.check_address(url, address))
        # A function outside a dual-stack VPC has no way out by IPv6.
        return sorted(checked, key=lambda address: ":" in address)

    def _resolved(self, host: str, trip: Trip) -> list[str]:
        try:
            return list(self._resolve(host, trip.at_most(self._policy.connect_seconds)))
        except (OSError, ValueError):
            raise FetchError("dns_failed") from None
