"""The session of one fetch, from the URL to the last byte: the time that remains, the body and the log line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from types import TracebackType
from typing import Any

from retouch.core.clock import Clock
from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.policy import FetchPolicy
from retouch.core.url_policy.url import Url
from retouch.infrastructure.content_coding import (
    UndecodableBody,
    decode_body,
    is_decodable,
    is_undone_by_proxies,
)
from retouch.infrastructure.fetch.http_exchange import HttpExchange

WriteLog = Callable[[Mapping[str, Any]], None]

_CHUNK_BYTES = 65_536
_MAGIC_NUMBER_BYTES = 12  # the bytes that identify the format
_EXPIRED_STATUSES = {404, 410}
_FORBIDDEN_STATUSES = {401, 403}
# The query of a signed link: Amazon S3, Google Cloud Storage, CloudFront, Azure Blob Storage.
_SIGNED_QUERY = re.compile(r"[?&](x-amz-signature|x-goog-signature|signature|sig)=", re.I)
_RATE_LIMITED_STATUS = 429
_RETRYABLE_STATUSES = {408, 425, *range(500, 600)}
_REFUSED_CODES = {"ssrf_blocked", "invalid_url"}


def discard_log(_line: Mapping[str, Any]) -> None:
    """Drop the log line."""


def _do_nothing() -> None:
    """Do nothing, where there is nothing to close."""


@dataclass
class FetchedImage:
    """An image that is being fetched. Use it as a context manager, which closes the connection at the end.

    `chunks` raises FetchError when the size limit or the deadline is exceeded, or when the body ends early.
    """

    chunks: Iterator[bytes]
    close: Callable[[], None] = _do_nothing

    def __enter__(self) -> FetchedImage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class FetchSession:
    """The state of one fetch. It finishes once, with one log line."""

    def __init__(
        self,
        policy: FetchPolicy,
        clock: Clock,
        log: WriteLog,
        deadline: float,
        max_bytes: int | None,
    ) -> None:
        self.address: str | None = None
        self._policy, self._clock, self._log = policy, clock, log
        self._started_at = clock.now()
        self._deadline = min(deadline, self._started_at + policy.total_seconds)
        self._max_bytes = (
            policy.max_bytes if max_bytes is None else min(policy.max_bytes, max_bytes)
        )
        self._urls: list[Url] = []
        self._exchange: HttpExchange | None = None
        self._bytes_read = 0
        self._is_complete = False
        self._is_finished = False

    def add_hop(self, url: Url) -> None:
        """Record the URL of the next hop."""
        self._urls.append(url)
        self.address = None

    def set_exchange(self, exchange: HttpExchange) -> HttpExchange:
        """Record and return the exchange of this hop. Closes the exchange of the hop before."""
        self._close_exchange()
        self._exchange = exchange
        return exchange

    def limit_to_deadline(self, seconds: float) -> float:
        """Return `seconds`, or the time that remains when that is shorter. Raises TimeoutError when none remains."""
        remaining = min(seconds, self._deadline - self._clock.now())
        if remaining <= 0:
            raise TimeoutError("the deadline passed")
        return remaining

    def read_timeout(self) -> float:
        """Return the seconds to wait for the next chunk of a response."""
        return self.limit_to_deadline(self._policy.read_seconds)

    def open_image(self, exchange: HttpExchange) -> FetchedImage:
        """Return the image in the response. Raises FetchError for any other status, size or format."""
        if exchange.status not in self._policy.success_statuses:
            raise FetchError(_status_reason(exchange.status, self._urls[-1]))
        if (exchange.content_length or 0) > self._max_bytes:
            raise self._too_large_error()
        exchange.allow_body(self._max_bytes)
        first_bytes, body_chunks = _split_first_bytes(self._read_body(exchange))
        coding = exchange.content_coding
        # An image that begins as one is not compressed: a proxy has decompressed it and left the header.
        if not (self._policy.accepts(first_bytes) and is_undone_by_proxies(coding)):
            decoded = self._decode_body(chain([first_bytes], body_chunks), coding)
            first_bytes, body_chunks = _split_first_bytes(decoded)
        if not self._policy.accepts(first_bytes):
            raise self._policy.unsupported_format_error()
        return FetchedImage(self._stream_image(first_bytes, body_chunks), self.finish)

    def _decode_body(self, chunks: Iterator[bytes], coding: str) -> Iterator[bytes]:
        """Return the body without its compression, up to the size limit. Raises FetchError "content_encoding"."""
        if not coding and not self._policy.codings:
            return chunks
        if not is_decodable(coding, self._policy.codings):
            raise FetchError(
                "content_encoding",
                f"The host of the URL compressed the file with {coding}. Use a URL that it serves without compression.",
            )
        return self._decompress(chunks, coding)

    def _decompress(self, chunks: Iterator[bytes], coding: str) -> Iterator[bytes]:
        size = 0
        try:
            for chunk in decode_body(chunks, coding):
                size += len(chunk)
                if size > self._max_bytes:
                    raise self._too_large_error()
                yield chunk
        except UndecodableBody as error:
            raise FetchError("truncated") from error

    def _read_body(self, exchange: HttpExchange) -> Iterator[bytes]:
        """Yield the body, up to the size limit. Raises FetchError "truncated" when it is shorter than announced."""
        while chunk := exchange.read(min(_CHUNK_BYTES, self._max_bytes - self._bytes_read + 1)):
            self._bytes_read += len(chunk)
            if self._bytes_read > self._max_bytes:
                raise self._too_large_error()
            yield chunk
        if self._bytes_read < (exchange.content_length or 1):
            raise FetchError("truncated")

    def _stream_image(self, first_bytes: bytes, body_chunks: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield first_bytes
            yield from body_chunks
        except FetchError as error:
            self.finish(error)
            raise
        self._is_complete = True
        self.finish()

    def _too_large_error(self) -> FetchError:
        return FetchError(
            "too_large",
            f"The file behind the URL is larger than {self._max_bytes} bytes. Send a smaller one.",
        )

    def finish(self, error: BaseException | None = None) -> None:
        """Close the connection and write the log line. A second call does nothing."""
        if self._is_finished:
            return
        self._is_finished = True
        self._close_exchange()
        self._log(self._log_fields(error))

    def _close_exchange(self) -> None:
        if self._exchange:
            self._exchange.close()

    def _log_fields(self, error: BaseException | None) -> dict[str, Any]:
        """Return the log fields.

        They name only hosts: paths and queries may hold signatures, and a bad URL may hold anything.
        """
        hosts = [url.host for url in self._urls]
        return {
            "event": "fetch",
            "verdict": self._verdict(error),
            "reason": error.reason if isinstance(error, FetchError) else None,
            "host": hosts[0] if hosts else None,
            "last_host": hosts[-1] if hosts else None,
            "address": self.address,
            "hops": max(0, len(hosts) - 1),
            "bytes": self._bytes_read,
            "ms": round((self._clock.now() - self._started_at) * 1000),
        }

    def _verdict(self, error: BaseException | None) -> str:
        """Return "fetched", "left" (closed before the end), "refused" (by the policy) or "failed"."""
        if error is None:
            return "fetched" if self._is_complete else "left"
        is_refused = isinstance(error, FetchError) and error.code in _REFUSED_CODES
        return "refused" if is_refused else "failed"


def _split_first_bytes(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the bytes that identify the format, and the rest of the body."""
    first_bytes = b""
    while len(first_bytes) < _MAGIC_NUMBER_BYTES and (chunk := next(chunks, b"")):
        first_bytes += chunk
    return first_bytes, chunks


def _status_reason(status: int, url: Url) -> str:
    """Return the reason of a failed fetch. A storage service answers 403 for a signed link that has expired."""
    if status in _FORBIDDEN_STATUSES:
        return "source_expired" if _SIGNED_QUERY.search(url.target) else "source_forbidden"
    if status in _EXPIRED_STATUSES:
        return "source_expired"
    if status == _RATE_LIMITED_STATUS:
        return "rate_limited"
    return "upstream_error" if status in _RETRYABLE_STATUSES else "upstream_status"
