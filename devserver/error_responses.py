"""The error responses of API Gateway itself, in the envelope that the template defines for them."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

HeaderPairs = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """A complete error response."""

    status: int
    headers: HeaderPairs
    body: bytes


class RequestFailed(Exception):
    """Raised when a request fails. Carries the error response to send."""

    def __init__(self, error: ErrorResponse, report: bytes = b"") -> None:
        super().__init__(error.body.decode())
        self.error = error
        self.report = report  # of a function that has raised an exception, as Lambda returns it


def _error_response(
    status: int, code: str, message: str, *headers: tuple[bytes, bytes]
) -> ErrorResponse:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error = {"message": message, "type": kind, "param": None, "code": code}
    return ErrorResponse(status, headers, orjson.dumps({"error": error}))


_NOT_BILLED_HEADER = (b"x-retouch-billed", b"no")
_UNKNOWN_BILLING_HEADERS = ((b"x-should-retry", b"false"), (b"x-retouch-billed", b"unknown"))

BODY_TOO_LARGE = _error_response(
    413,
    "body_too_large",
    "The request is too large: API Gateway takes a body of 10,485,760 bytes, and Lambda takes "
    "6,291,556 bytes with the body as base64, which leaves about 4.7 MB for all images together. "
    "The local server has the same limits. Upload larger images with POST /v1/uploads and name "
    "them in the request; docs/large-pictures.md has a helper that does this.",
    (b"x-should-retry", b"false"),
    _NOT_BILLED_HEADER,
)
MALFORMED_REQUEST = _error_response(
    400,
    "malformed_request",
    "The request is not valid HTTP/1.1: its method, its path, its headers or the framing of its body cannot be read. "
    "Use an HTTP library, a usual method, a path that begins with '/', and a URL below 64 KB.",
    (b"x-should-retry", b"false"),
    _NOT_BILLED_HEADER,
)
GATEWAY_TIMEOUT = _error_response(
    504,
    "gateway_timeout",
    "The function did not respond in time. It may still be running, so do not repeat the request.",
    *_UNKNOWN_BILLING_HEADERS,
)
FUNCTION_TIMEOUT = _error_response(
    504,
    "gateway_timeout",
    "The function reached its timeout and was ended.",
    *_UNKNOWN_BILLING_HEADERS,
)
FUNCTION_FAILED = _error_response(
    502,
    "internal_error",
    "The function failed. The reason is in its log.",
    *_UNKNOWN_BILLING_HEADERS,
)
INVALID_RESPONSE = _error_response(
    502, "internal_error", "The function's response is not valid.", *_UNKNOWN_BILLING_HEADERS
)
RESPONSE_TOO_LARGE = _error_response(
    502,
    "internal_error",
    "The function's response is over 6,291,556 bytes.",
    *_UNKNOWN_BILLING_HEADERS,
)
FUNCTION_NOT_STARTED = _error_response(
    502,
    "internal_error",
    "The function cannot start. The reason is in its log.",
    _NOT_BILLED_HEADER,
)
