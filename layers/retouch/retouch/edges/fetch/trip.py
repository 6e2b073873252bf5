"""One fetch from its URL to its last byte: the time it has left, the body it brings home, its line in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from retouch.clock import Clock
from retouch.edges.fetch.exchange import Exchange
from retouch.guard.policy import Policy
from retouch.guard.refusals import FetchError
from retouch.guard.url import Url
from retouch.pixels.sniff import sniff

Log = Callable[[Mapping[str, Any]], None]

_PIECE = 65_536
_SIGNATURE = 12  # bytes that decide about the format
_EXPIRED = {401, 403, 404, 410}
_RATE_LIMITED = 429
_REPEATABLE = {408, 425, *range(500, 600)}
_REFUSED = {"ssrf_blocked", "invalid_url"}


def silent(_line: Mapping[str, Any]) -> None:
    """No log."""


def _nothing() -> None:
    """Nothing to close."""


@dataclass
class Fetched:
    """A picture on its way. A context manager; leaving it ends the connection.

    `chunks` raises FetchError when the cap or the deadline breaks or the body is cut short.
    """

    chunks: Iterator[bytes]
    close: Callable[[], None] = _nothing

    def __enter__(self) -> Fetched:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Trip:
    """What one fetch has seen so far. Ends once, with one line in the log."""

    def __init__(
        self, policy: Policy, clock: Clock, log: Log, deadline: float, most_bytes: int | None
    ) -> None:
        self.address: str | None = None
        self._policy, self._clock, self._log = policy, clock, log
        self._started = clock.now()
        self._deadline = min(deadline, self._started + policy.total_seconds)
        self._cap = policy.most_bytes if most_bytes is None else min(policy.most_bytes, most_bytes)
        self._urls: list[Url] = []
        self._exchange: Exchange | None = None
        self._bytes = 0
        self._whole = False
        self._ended = False

    def visit(self, url: Url) -> None:
        """The next hop."""
        self._urls.append(url)
        self.address = None

    def keep(self, exchange: Exchange) -> Exchange:
        """The exchange of this hop; the one before is over."""
        self._close()
        self._exchange = exchange
        return exchange

    def at_most(self, seconds: float) -> float:
        """As many seconds, or what is left of the time. TimeoutError when nothing is."""
        left = min(seconds, self._deadline - self._clock.now())
        if left <= 0:
            raise TimeoutError("the deadline passed")
        return left

    def gap(self) -> float:
        """How long the next piece of an answer may be waited for."""
        return self.at_most(self._policy.gap_seconds)

    def accept(self, exchange: Exchange) -> Fetched:
        """The picture in an answer. FetchError for any other status, size or format."""
        if exchange.status != 200:
            raise FetchError(_status_reason(exchange.status))
        if (exchange.promised or 0) > self._cap:
            raise self._too_large()
        exchange.expect(self._cap)
        pieces = self._pieces(exchange)
        first = b""
        while len(first) < _SIGNATURE and (piece := next(pieces, b"")):
            first += piece
        if sniff(first) not in self._policy.formats:
            raise self._unsupported()
        return Fetched(self._chunks(first, pieces), self.end)

    def _pieces(self, exchange: Exchange) -> Iterator[bytes]:
        """The body, under the cap and to its promised end."""
        while piece := exchange.read(min(_PIECE, self._cap - self._bytes + 1)):
            self._bytes += len(piece)
            if self._bytes > self._cap:
                raise self._too_large()
            yield piece
        if self._bytes < (exchange.promised or 1):
            raise FetchError("truncated")

    def _chunks(self, first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield first
            yield from pieces
        except FetchError as broken:
            self.end(broken)
            raise
        self._whole = True
        self.end()

    def _too_large(self) -> FetchError:
        return FetchError(
            "too_large",
            f"The file behind the URL is larger than {self._cap} bytes. Send a smaller one.",
        )

    def _unsupported(self) -> FetchError:
        names = ", ".join(name.upper() for name in self._policy.formats)
        return FetchError(
            "not_an_image",
            f"The URL does not lead to a picture in an accepted format ({names}). Use another one.",
        )

    def end(self, broken: BaseException | None = None) -> None:
        """End the connection and tell the log; a second time does nothing."""
        if self._ended:
            return
        self._ended = True
        self._close()
        self._log(self._line(broken))

    def _close(self) -> None:
        if self._exchange:
            self._exchange.close()

    def _line(self, broken: BaseException | None) -> dict[str, Any]:
        """Hosts only: paths and queries hold signatures, and what was refused as a URL may hold anything."""
        hosts = [url.host for url in self._urls]
        return {
            "event": "fetch",
            "verdict": self._verdict(broken),
            "reason": broken.reason if isinstance(broken, FetchError) else None,
            "host": hosts[0] if hosts else None,
            "last_host": hosts[-1] if hosts else None,
            "address": self.address,
            "hops": max(0, len(hosts) - 1),
            "bytes": self._bytes,
            "ms": round((self._clock.now() - self._started) * 1000),
        }

    def _verdict(self, broken: BaseException | None) -> str:
        """ "fetched", "left" before its end, "refused" by us or "failed"."""
        if broken is None:
            return "fetched" if self._whole else "left"
        refused = isinstance(broken, FetchError) and broken.code in _REFUSED
        return "refused" if refused else "failed"


def _status_reason(status: int) -> str:
    if status in _EXPIRED:
        return "source_expired"
    if status == _RATE_LIMITED:
        return "rate_limited"
    return "upstream_error" if status in _REPEATABLE else "upstream_status"
