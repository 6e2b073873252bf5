"""The answers API Gateway gives by itself, in the envelope the product's template sets for them."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

Pairs = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A finished error answer."""

    status: int
    headers: Pairs
    body: bytes


class Failed(Exception):
    """Raised where a problem is found, caught where it can be answered."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.body.decode())
        self.problem = problem


def _problem(status: int, code: str, message: str, *headers: tuple[bytes, bytes]) -> Problem:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error = {"message": message, "type": kind, "param": None, "code": code}
    return Problem(status, headers, orjson.dumps({"error": error}))


_NOT_BILLED = (b"x-retouch-billed", b"no")
_UNKNOWN = ((b"x-should-retry", b"false"), (b"x-retouch-billed", b"unknown"))

BODY_TOO_LARGE = _problem(
    413,
    "body_too_large",
    "The request is too large: its body may have 10,485,760 bytes, and 6,291,556 bytes as the "
    "base64 event the function gets, which leaves about 4.7 MB for all pictures together. "
    "Upload larger pictures with POST /v1/uploads and name them in the request.",
    (b"x-should-retry", b"false"),
    _NOT_BILLED,
)
GATEWAY_TIMEOUT = _problem(
    504,
    "gateway_timeout",
    "The function did not answer in time. It may still be at work, so do not repeat the order.",
    *_UNKNOWN,
)
FUNCTION_TIMEOUT = _problem(
    504, "gateway_timeout", "The function used up its time and was ended.", *_UNKNOWN
)
FUNCTION_FAILED = _problem(
    502, "internal_error", "The function failed. The reason is in its log.", *_UNKNOWN
)
BAD_ANSWER = _problem(
    502, "internal_error", "The function's answer is not a valid response.", *_UNKNOWN
)
ANSWER_TOO_LARGE = _problem(
    502, "internal_error", "The function's answer is over 6,291,556 bytes.", *_UNKNOWN
)
NOT_STARTED = _problem(
    502, "internal_error", "The function cannot start. The reason is in its log.", _NOT_BILLED
)
