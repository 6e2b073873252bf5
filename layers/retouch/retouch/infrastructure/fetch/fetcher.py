"""The fetcher: the only client for URLs that a caller or a provider has chosen.

At each hop, the URL is parsed, its name is resolved once, every address is checked, and the request goes to a checked
address. The response must respect a size limit, a deadline and the image formats. Each fetch writes one log line:
hosts, address, verdict. The line never contains a path or a query, because those may hold signatures.
"""

from __future__ import annotations

from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.url import Url, parse_url, resolve_redirect
from retouch.infrastructure.content_coding import DamagedBody
from retouch.infrastructure.fetch.guarded_client import GuardedClient
from retouch.infrastructure.fetch.http_exchange import HttpExchange
from retouch.infrastructure.fetch.session import FetchedImage, FetchSession

_INCOMPLETE_REASONS = (
    "truncated",
    "timeout",
    "bad_answer",
)  # the file may have everything but its end
_REDIRECT_STATUSES = {301, 302, 303, 307, 308}


class Fetcher(GuardedClient):
    """A client that fetches images under a policy."""

    def open(self, url: str, deadline: float, *, max_bytes: int | None = None) -> FetchedImage:
        """Return the image behind the URL, with its head already read. Raises FetchError for everything else.

        `deadline` is on the clock's scale. The policy's total time also applies, from now on. `max_bytes` lowers the
        policy's size limit.
        """
        session = FetchSession(self._policy, self._clock, self._log, deadline, max_bytes)
        try:
            return self._follow_redirects(url, session)
        except BaseException as error:
            session.finish(error)
            raise

    def read(self, url: str, deadline: float, *, max_bytes: int | None = None) -> bytes:
        """Return the whole image. Raises FetchError like `open`, with the bytes that were received before it.

        The bytes of a body whose compressed data has an error are dropped, because any of them may be wrong.
        """
        received: list[bytes] = []
        try:
            with self.open(url, deadline, max_bytes=max_bytes) as image:
                received.extend(image.chunks)  # after an error it has the chunks before it
        except FetchError as error:
            is_damaged = isinstance(error.__cause__, DamagedBody)
            if error.reason in _INCOMPLETE_REASONS and not is_damaged:
                error.received = b"".join(received)
            raise
        return b"".join(received)

    def _follow_redirects(self, text: str, session: FetchSession) -> FetchedImage:
        url = parse_url(text, self._policy.max_url_length)
        for _ in range(self._policy.max_redirects + 1):
            session.add_hop(url)
            exchange = self._send_request(url, session)
            if exchange.status not in _REDIRECT_STATUSES:
                return session.open_image(exchange)
            url = self._redirect_target(url, exchange)
        raise FetchError("too_many_redirects")

    def _redirect_target(self, url: Url, exchange: HttpExchange) -> Url:
        """Return the destination of a redirect, which the next hop checks like the first URL.

        A destination that is not a URL is blocked as well.
        """
        locations = set(exchange.locations)
        if len(locations) != 1:
            raise FetchError("upstream_status")
        try:
            return resolve_redirect(url, locations.pop(), self._policy.max_url_length)
        except FetchError as error:
            is_blocked = error.code == "ssrf_blocked"
            raise FetchError(error.reason if is_blocked else "redirect_blocked") from None

    def _send_request(self, url: Url, session: FetchSession) -> HttpExchange:
        def remaining_seconds() -> float:
            return session.limit_to_deadline(self._policy.connect_seconds)

        def record_address(address: str) -> None:
            session.address = address  # the log names the address that failed

        return session.set_exchange(
            HttpExchange(
                self._connect(url, remaining_seconds, record_address),
                url,
                session.read_timeout,
                self._policy.user_agent,
            )
        )
