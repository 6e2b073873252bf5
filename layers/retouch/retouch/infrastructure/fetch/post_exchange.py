"""One POST of a JSON body over one connection that is already open, under the limits of the fetcher."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from retouch.core.url_policy.url import Url
from retouch.infrastructure.fetch.connector import SocketConnection
from retouch.infrastructure.fetch.http_exchange import HttpExchange


class PostExchange(HttpExchange):
    """The fetcher's exchange, as a POST with a body."""

    _method = "POST"

    def __init__(
        self,
        connection: SocketConnection,
        url: Url,
        remaining_seconds: Callable[[], float],
        user_agent: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> None:
        self._headers, self._body = headers, body
        super().__init__(connection, url, remaining_seconds, user_agent)

    def _request_headers(self, url: Url) -> Mapping[str, str]:
        return {
            "Host": url.authority,
            "User-Agent": self._user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "Content-Type": "application/json",
            "Content-Length": str(len(self._body)),
            **self._headers,
        }
