"""The error report of a failed handler, for the Runtime API and for the log."""

from __future__ import annotations

import os
import sys
import time

import orjson

_MAX_MESSAGE_LENGTH = 256


class ErrorReport:
    """An exception, reduced to the parts that may leave this process.

    A long message may quote the event, and an event contains the caller's key and images.
    """

    def __init__(self, error: BaseException) -> None:
        import traceback

        from retouch.core.settings import InvalidSetting

        message = str(error)
        withheld = f"(a message of {len(message)} characters, withheld)"
        self.message = message if len(message) <= _MAX_MESSAGE_LENGTH else withheld
        self.type = str(getattr(error, "error_type", type(error).__name__))
        # The message of an invalid setting says what to change.
        is_setting = isinstance(error, InvalidSetting)
        self.trace = [] if is_setting else traceback.format_tb(error.__traceback__)

    def to_json(self) -> bytes:
        """Return the report in the Runtime API's JSON format."""
        return orjson.dumps(
            {"errorMessage": self.message, "errorType": self.type, "stackTrace": self.trace}
        )

    def error_header(self) -> tuple[str, str]:
        """Return the header, or the trailer, that names the error."""
        return "Lambda-Runtime-Function-Error-Type", f"Runtime.{self.type}"

    def trailers(self) -> list[tuple[str, str]]:
        """Return the trailers of a streamed response that fails before its end."""
        from base64 import b64encode

        body = b64encode(self.to_json()).decode()
        return [self.error_header(), ("Lambda-Runtime-Function-Error-Body", body)]


def log_error(report: ErrorReport, request_id: str = "") -> None:
    """Print the report in the configured log format of the function."""
    as_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
    text = _json_line(report, request_id) if as_json else _text_line(report, request_id)
    sys.stderr.write(text)
    sys.stderr.flush()


def _text_line(report: ErrorReport, request_id: str) -> str:
    first_line = f"[ERROR] {report.type}: {report.message} RequestId: {request_id or '-'}"
    trace = f"Traceback (most recent call last):\n{''.join(report.trace)}" if report.trace else ""
    return f"{first_line}\n{trace}"


def _json_line(report: ErrorReport, request_id: str) -> str:
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    line = {
        "timestamp": f"{stamp}.{int(now % 1 * 1000):03d}Z",
        "level": "ERROR",
        "message": report.message,
        "requestId": request_id,
        "errorType": report.type,
        "stackTrace": report.trace,
    }
    return orjson.dumps(line).decode() + "\n"
