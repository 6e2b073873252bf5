"""Reads the headers with which the OpenAI SDKs describe a call: its timeout, and which retry it is."""

from __future__ import annotations

from collections.abc import Mapping

# openai-python waits this long for the next byte. openai-node waits this long for the whole response.
_TIMEOUT_HEADERS = ("x-stainless-read-timeout", "x-stainless-timeout")
_MAX_COUNT_DIGITS = 4


def read_sdk_timeout(headers: Mapping[str, str]) -> float | None:
    """Return the seconds after which the SDK sends the request again, or None when it does not say."""
    texts = [headers[name] for name in _TIMEOUT_HEADERS if name in headers]
    seconds = [
        float(text) for text in texts if text.isascii() and text.replace(".", "", 1).isdigit()
    ]
    return min(seconds, default=None)


def read_retry_count(headers: Mapping[str, str]) -> int | None:
    """Return the number of the retry, which is 0 for a first attempt. None: the client does not say."""
    text = headers.get("x-stainless-retry-count", "").strip()
    is_count = text.isascii() and text.isdigit() and len(text) <= _MAX_COUNT_DIGITS
    return int(text) if is_count else None
