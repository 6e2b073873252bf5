"""Parsing that all adapters share: fields of any type, errors of many shapes, and results behind URLs.

No field of a provider's response can be trusted to have the documented type. A secondary field of the wrong type is
treated as missing. It never makes the request fail, because the image that came with it is paid for.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Generator, Mapping
from typing import Any
from urllib.parse import unquote

from retouch.core.edit_types import GeneratedImage
from retouch.core.image_formats import detect_format
from retouch.core.pricing import to_micro_dollars
from retouch.core.provider_protocol import ConversationStep, ProviderRequest, ProviderResponse

_MESSAGE_KEYS = ("message", "msg", "error", "detail", "faultstring")
_MAX_DEPTH = 8  # nested levels of an error that are searched for a message
_MAX_PRICE = 1_000_000  # a larger amount for one edit is an error of the response
_DATA_SCHEME = "data:"
_DETECTION_CHARS = 24  # base64 characters that are enough to detect the image format


def text_or_empty(value: Any) -> str:
    """Return the value if it is text, else ""."""
    return value if isinstance(value, str) else ""


def mapping_or_empty(value: Any) -> Mapping[str, Any]:
    """Return the value if it is a JSON object, else an empty mapping."""
    return value if isinstance(value, Mapping) else {}


def list_or_empty(value: Any) -> list[Any]:
    """Return the value if it is a list, else an empty list."""
    return value if isinstance(value, list) else []


def count_or_none(value: Any) -> int | None:
    """Return the value if it is an integer of at least 0, else None. A bool is not an integer here."""
    return value if type(value) is int and value >= 0 else None


def micro_dollars_or_none(value: Any, unit_dollars: float = 1.0) -> int | None:
    """Return a stated price in micro-dollars, or None when it is not a positive amount.

    The price is a number or its text, in units of `unit_dollars`.
    """
    try:
        amount = float(value) if isinstance(value, int | float | str) else 0.0
    except ValueError:
        return None
    is_price = not isinstance(value, bool) and 0 < amount < _MAX_PRICE
    return to_micro_dollars(amount * unit_dollars) if is_price else None


def error_message(error: Any, depth: int = _MAX_DEPTH) -> str:
    """Return the message in an error, or "" if there is none.

    The error may be text, an object that contains the text, or a list of either. At most `depth` levels are searched.
    """
    if not depth:
        return ""
    if isinstance(error, Mapping):
        messages = (error_message(error.get(name), depth - 1) for name in _MESSAGE_KEYS)
        return next(filter(None, messages), "")
    if isinstance(error, list):
        return "; ".join(filter(None, (error_message(item, depth - 1) for item in error)))
    return text_or_empty(error)


def detect_base64_format(base64: str) -> str | None:
    """Return one of INPUT_FORMATS by the first bytes of a base64 image, or None if it is no such image."""
    try:
        return detect_format(b64decode(base64[:_DETECTION_CHARS], validate=True))
    except ValueError:
        return None


def image_base64(value: Any) -> str:
    """Return the base64 of an image in one of INPUT_FORMATS, which may come as a data: URL or in lines, else ""."""
    base64 = _strip_data_url_header(text_or_empty(value).strip())
    if "\n" in base64:
        base64 = "".join(base64.split())
    return base64 if detect_base64_format(base64) else ""


def _strip_data_url_header(text: str) -> str:
    """Return the base64 of a data: URL, or any other text unchanged."""
    if text[: len(_DATA_SCHEME)].lower() != _DATA_SCHEME:
        return text
    data = text.partition(",")[2]
    return unquote(data) if "%" in data else data


def response_image(response: ProviderResponse) -> GeneratedImage | None:
    """Return the image that is the whole body of a response, or None. Either its type or its first bytes say so."""
    is_labelled = response.headers.get("content-type", "").strip().lower().startswith("image/")
    is_image = is_labelled or detect_format(response.body)
    return GeneratedImage(data=response.body) if is_image else None


def fetch_image(url: str) -> Generator[ConversationStep, ProviderResponse, GeneratedImage]:
    """Yield the download of a result URL and return the image. A data: URL or bare base64 is decoded instead.

    Raises ValueError for any other text. Without this check, that text would be returned as a successful result.
    """
    if image := image_base64(url):
        return GeneratedImage(b64=image)
    if "://" not in url:
        raise ValueError("a result is neither a URL nor an image")
    response = yield download_request(url)
    return GeneratedImage(data=response.body)


def download_request(url: str) -> ProviderRequest:
    """Return the request for the image at a result URL."""
    return ProviderRequest("GET", url, idempotent=True, is_download=True)
