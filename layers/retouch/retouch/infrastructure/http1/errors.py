"""The errors of the HTTP/1.1 client. A timeout while a response is awaited or read is a TimeoutError.

They tell whether a paid request may have been sent. A fetch of a URL that someone else chose raises FetchError of
`retouch.core.url_policy.errors` instead, which does not reveal what is behind the URL.
"""

from __future__ import annotations


class ConnectFailed(OSError):
    """No connection was made: the name, the address, TLS or the time. Nothing was sent."""


class InvalidResponse(OSError):
    """The server sent something that is not HTTP/1, or a head without an end."""


class TruncatedResponse(OSError):
    """The connection ended before the response did."""
