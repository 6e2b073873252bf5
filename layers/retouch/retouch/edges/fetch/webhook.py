"""Webhooks of guardrails: one signed POST, guarded like a fetch, with a verdict for an answer.

A stranger may have chosen the URL, so the fetcher's rules hold: the same grammar and policy, one look-up of the
name, a connection to exactly the address that was checked, no proxies and no redirects. What the caller is told
of a failure does not depend on what is behind the URL; the reason goes to the log.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from socket import socket
from typing import cast

from retouch.clock import Clock
from retouch.edges.fetch.dial import Connection, Dial, Dialer, Resolve, resolve
from retouch.edges.fetch.exchange import Exchange
from retouch.edges.fetch.reach import Reach
from retouch.edges.fetch.trip import Log, silent
from retouch.guard.policy import Policy
from retouch.guard.refusals import FetchError
from retouch.guard.url import Url, parse
from retouch.guardrails.model import CheckError, Letter
from retouch.guardrails.signature import signed

_MOST_ANSWER = 65_536
_PIECE = 16_384


class Webhook:
    """Asks webhooks under a policy. Keeps nothing between two letters; safe to share between threads."""

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

    def __call__(self, letter: Letter) -> bytes:
        """The body of a 200, at most 64 KiB. CheckError for everything else, within the letter's seconds."""
        started = self._clock.now()
        reason, host = None, None
        try:
            url = parse(letter.url, self._policy.longest_url)
            host = url.host
            return self._answer(letter, url, started + letter.seconds)
        except (FetchError, TimeoutError) as broken:
            reason = broken.reason if isinstance(broken, FetchError) else "timeout"
            raise CheckError(_sentence(reason, letter)) from None
        finally:
            ms = round((self._clock.now() - started) * 1000)
            self._log({"event": "webhook", "host": host, "reason": reason, "ms": ms})

    def _answer(self, letter: Letter, url: Url, deadline: float) -> bytes:
        def left() -> float:
            seconds = deadline - self._clock.now()
            if seconds <= 0:
                raise TimeoutError("the deadline passed")
            return seconds

        connection = self._reach(url, left, lambda _address: None)
        message_id = f"msg_{secrets.token_hex(16)}"
        ours = signed(letter.key, message_id, self._clock.unix(), letter.body)
        exchange = _Post(connection, url, left, {**letter.headers, **ours}, letter.body)
        try:
            return b"".join(_body(exchange))
        finally:
            exchange.close()


class _Post(Exchange):
    """The fetcher's exchange, with a body to send."""

    def __init__(
        self,
        connection: Connection,
        url: Url,
        left: Callable[[], float],
        headers: Mapping[str, str],
        body: bytes,
    ) -> None:
        self._headers, self._body = headers, body
        super().__init__(connection, url, left)

    def _asked(self, url: Url) -> HTTPResponse:
        client = HTTPConnection("connected")  # a name nobody reads: we write the Host header
        client.sock = cast(socket, self._wire)
        try:
            client.putrequest("POST", url.target, skip_host=True, skip_accept_encoding=True)
            for name, value in self._all(url).items():
                client.putheader(name, value)
            client.endheaders(self._body)
            return client.getresponse()
        except TimeoutError:
            raise FetchError("timeout") from None
        except (HTTPException, OSError, ValueError):
            raise FetchError("bad_answer") from None

    def _all(self, url: Url) -> Mapping[str, str]:
        return {
            "Host": url.authority,
            "User-Agent": "retouch",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "Content-Type": "application/json",
            "Content-Length": str(len(self._body)),
            **self._headers,
        }


def _body(exchange: Exchange) -> Iterator[bytes]:
    """An answer's body, under the cap and to its promised end."""
    if exchange.status != 200:
        raise FetchError("upstream_status")
    exchange.expect(_MOST_ANSWER)
    size = 0
    while piece := exchange.read(_PIECE):
        size += len(piece)
        if size > _MOST_ANSWER:
            raise FetchError("too_large")
        yield piece
    if size < (exchange.promised or 0):
        raise FetchError("truncated")


def _sentence(reason: str, letter: Letter) -> str:
    """One sentence for whatever the network says, so that nobody learns what is behind an address."""
    if reason == "upstream_status":
        return "The webhook did not answer with status 200."
    if reason == "too_large":
        return f"The webhook's answer is larger than {_MOST_ANSWER} bytes."
    return f"The webhook gave no verdict within {letter.seconds:g} seconds, or cannot be asked."
