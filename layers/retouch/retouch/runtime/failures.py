"""What is reported, and to whom, when a handler fails."""

from __future__ import annotations

import os
import sys
import time

import orjson

_LONGEST_MESSAGE = 256


class Failure:
    """An exception, reduced to what may leave this process.

    A long message may quote the event, and an event holds the caller's key and pictures.
    """

    def __init__(self, error: BaseException) -> None:
        import traceback

        message = str(error)
        withheld = f"(a message of {len(message)} characters, withheld)"
        self.message = message if len(message) <= _LONGEST_MESSAGE else withheld
        self.type = type(error).__name__
        self.trace = traceback.format_tb(error.__traceback__)

    def document(self) -> bytes:
        """The failure as the Runtime API wants it."""
        return orjson.dumps(
            {"errorMessage": self.message, "errorType": self.type, "stackTrace": self.trace}
        )

    def header(self) -> tuple[str, str]:
        """The header, or trailer, that names the error."""
        return "Lambda-Runtime-Function-Error-Type", f"Runtime.{self.type}"

    def trailers(self) -> list[tuple[str, str]]:
        """How a streamed answer says that it broke off."""
        from base64 import b64encode

        body = b64encode(self.document()).decode()
        return [self.header(), ("Lambda-Runtime-Function-Error-Body", body)]


def log(failure: Failure, request_id: str = "") -> None:
    """Print the failure in the format the function's log is set to."""
    as_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
    text = _json_line(failure, request_id) if as_json else _plain(failure, request_id)
    sys.stderr.write(text)
    sys.stderr.flush()


def _plain(failure: Failure, request_id: str) -> str:
    first = f"[ERROR] {failure.type}: {failure.message} RequestId: {request_id or '-'}"
    return f"{first}\nTraceback (most recent call last):\n{''.join(failure.trace)}"


def _json_line(failure: Failure, request_id: str) -> str:
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    line = {
        "timestamp": f"{stamp}.{int(now % 1 * 1000):03d}Z",
        "level": "ERROR",
        "message": failure.message,
        "requestId": request_id,
        "errorType": failure.type,
        "stackTrace": failure.trace,
    }
    return orjson.dumps(line).decode() + "\n"
