"""An HTTP/1.1 response that skips all interim responses, e.g. 103 Early Hints.

The standard library skips only 100 Continue and takes any other 1xx for the final response.
"""

from __future__ import annotations

from http.client import BadStatusLine, HTTPResponse

_SWITCHING_PROTOCOLS = 101  # a final response
_MAX_INTERIM_RESPONSES = 100


class FinalResponse(HTTPResponse):
    """The final response to a request."""

    def begin(self) -> None:
        """Read heads until a final one comes. Raises BadStatusLine after too many interim responses."""
        super().begin()
        for _ in range(_MAX_INTERIM_RESPONSES):
            if not 100 <= self.status < 200 or self.status == _SWITCHING_PROTOCOLS:
                return
            self.headers = self.msg = None  # type: ignore[assignment]  # begin() reads a head only without one
            super().begin()
        raise BadStatusLine("too many interim responses")
