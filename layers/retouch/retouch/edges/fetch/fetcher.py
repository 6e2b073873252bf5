"""The fetcher: the one function for every URL that someone else chose.

Each hop is read by the grammar, resolved once, checked address by address and asked at a checked address.
What comes is held to a cap, a deadline and the picture formats. One line per fetch goes to the log: hosts,
address, verdict; never a path or a query, since those hold signatures.
"""

from __future__ import annotations

from retouch.clock import Clock
from retouch.edges.fetch.dial import Dial, Dialer, Resolve, resolve
from retouch.edges.fetch.exchange import Exchange
from retouch.edges.fetch.reach import Reach
from retouch.edges.fetch.trip import Fetched, Log, Trip, silent
from retouch.guard.policy import Policy
from retouch.guard.refusals import FetchError
from retouch.guard.url import Url, follow, parse

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
        self._policy, self._clock, self._log = policy, clock, log
        self._reach = Reach(policy, resolve, dial or Dialer())

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
        def left() -> float:
            return trip.at_most(self._policy.connect_seconds)

        def note(address: str) -> None:
            trip.address = address  # the log names the one that failed

        return trip.keep(Exchange(self._reach(url, left, note), url, trip.gap))
