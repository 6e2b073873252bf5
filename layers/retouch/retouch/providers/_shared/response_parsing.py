"""Parsing that all adapters share: fields of any type, errors of many shapes, and results behind URLs.

No field of a provider's response can be trusted to have the documented type. A secondary field of the wrong type is
treated as missing. It never makes the request fail, because the image that came with it is paid for.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from retouch.core.edit_types import GeneratedImage
from retouch.core.image_formats import detect_format, detect_other_format
from retouch.core.pricing import to_micro_dollars
from retouch.core.provider_protocol import ConversationStep, ProviderRequest, ProviderResponse
from retouch.core.text.error_text import error_message as error_message
from retouch.core.text.event_stream import is_event_stream
from retouch.core.text.image_text import text_to_base64

_MAX_DEPTH = 8  # nested levels that are searched for an image
_MAX_ENVELOPE_DEPTH = 3  # nested levels that are searched for an object
_MARKDOWN_URL = re.compile(r"\]\(\s*(https?://[^\s)]+)")
_URL_PADDING = " \r\n\"'<>"
_MAX_PRICE = 1_000_000  # a larger amount for one edit is an error of the response


def text_or_empty(value: Any) -> str:
    """Return the value if it is text, else ""."""
    return value if isinstance(value, str) else ""


def mapping_or_empty(value: Any) -> Mapping[str, Any]:
    """Return the value if it is a JSON object, else an empty mapping."""
    return value if isinstance(value, Mapping) else {}


def list_or_empty(value: Any) -> list[Any]:
    """Return the value if it is a list, else an empty list."""
    return value if isinstance(value, list) else []


def items_or_empty(value: Any) -> list[Any]:
    """Return the items of a list. Any other value is the one item, unless it is empty."""
    return value if isinstance(value, list) else [value] if value else []


def find_object(document: Any, name: str, depth: int = _MAX_ENVELOPE_DEPTH) -> Mapping[str, Any]:
    """Return the object that has a value under `name`: the document, or one inside it. Without one, the document.

    Raises ValueError when the document is not an object and has none.
    """
    found = _search_object(document, name, depth)
    if found is None and not isinstance(document, Mapping):
        raise ValueError(f"the document has no object with {name}")
    return document if found is None else found


def _search_object(value: Any, name: str, depth: int) -> Mapping[str, Any] | None:
    if not depth or not isinstance(value, Mapping | list):
        return None
    if isinstance(value, Mapping) and value.get(name):
        return _search_object(value[name], name, 1) or value
    children = value.values() if isinstance(value, Mapping) else value
    found = (_search_object(child, name, depth - 1) for child in children)
    return next((one for one in found if one is not None), None)


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


def image_base64(value: Any) -> str:
    """Return the image in a field as standard base64, or "" when the field is not a text or not an image."""
    return text_to_base64(value) if isinstance(value, str) else ""


def find_base64(value: Any) -> str:
    """Return the first base64 image in a JSON value, or "" if there is none."""
    return next(filter(None, map(text_to_base64, _all_texts(value, _MAX_DEPTH))), "")


def find_result(value: Any) -> str:
    """Return the first base64 image in a JSON value, else the first URL, or "" if there is neither."""
    urls = filter(None, map(result_url, _all_texts(value, _MAX_DEPTH)))
    return find_base64(value) or next(urls, "")


def result_url(text: str) -> str:
    """Return the URL in a text, or "" if it has none. White space, quotes and Markdown around the URL are left out.

    A URL without a scheme gets https. A space inside it is percent-encoded.
    """
    if markdown := _MARKDOWN_URL.search(text):
        text = markdown[1]
    text = text.strip(_URL_PADDING)
    if text.startswith("//"):
        text = f"https:{text}"
    return text.replace(" ", "%20") if "://" in text else ""


def _all_texts(value: Any, depth: int) -> Iterator[str]:
    """Yield every text in a JSON value. At most `depth` levels are searched."""
    if isinstance(value, str):
        yield value
    elif depth:
        children = value.values() if isinstance(value, Mapping) else list_or_empty(value)
        for child in children:
            yield from _all_texts(child, depth - 1)


def response_image(response: ProviderResponse) -> GeneratedImage | None:
    """Return the image that is the whole body of a response, or None. Either its type or its first bytes say so.

    A body with the type of an image may also be JSON, which is not an image, or base64.
    """
    body = response.body
    if detect_format(body) or detect_other_format(body):
        return GeneratedImage(data=body)
    is_labelled = response.headers.get("content-type", "").strip().lower().startswith("image/")
    if not is_labelled or is_event_stream(body) or body.lstrip()[:1] in (b"{", b"["):
        return None
    base64 = image_base64(body.decode("latin-1"))
    return GeneratedImage(b64=base64) if base64 else GeneratedImage(data=body)


def fetch_image(url: str) -> Generator[ConversationStep, ProviderResponse, GeneratedImage]:
    """Yield the download of a result URL and return the image. A data: URL or bare base64 is decoded instead.

    Raises ValueError for any other text. Without this check, that text would be returned as a successful result.
    """
    if image := image_base64(url):
        return GeneratedImage(b64=image)
    location = result_url(url)
    if not location:
        raise ValueError("a result is neither a URL nor an image")
    response = yield download_request(location)
    return GeneratedImage(data=response.body)


def download_request(url: str) -> ProviderRequest:
    """Return the request for the image at a result URL."""
    return ProviderRequest("GET", url, idempotent=True, is_download=True)
