"""One POST of a JSON body over one connection that is already open, under the limits of the fetcher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from socket import socket
from typing import cast

from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.url import Url
from retouch.infrastructure.fetch.connector import SocketConnection
from retouch.infrastructure.fetch.http_exchange import HttpExchange


class PostExchange(HttpExchange):
    """The fetcher's exchange, as a POST with a body."""

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

    def _send_request(self, url: Url) -> HTTPResponse:
        client = HTTPConnection("connected")  # an unused name: we write the Host header ourselves
        client.sock = cast(socket, self._limited_socket)
        try:
            client.putrequest("POST", url.target, skip_host=True, skip_accept_encoding=True)
            for name, value in self._request_headers(url).items():
                client.putheader(name, value)
            client.endheaders(self._body)
            return client.getresponse()
        except TimeoutError:
            raise FetchError("timeout") from None
        except (HTTPException, OSError, ValueError):
            raise FetchError("bad_answer") from None

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
