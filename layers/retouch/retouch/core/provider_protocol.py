"""The data types between the pipeline and an adapter of a provider.

An adapter gets a ProviderJob, yields a ProviderRequest, gets a ProviderResponse, and returns images.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import field
from typing import Any

from retouch.core.edit_types import EncodedImage, GeneratedImage, Mask
from retouch.core.errors import Fault
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Size as Size
from retouch.core.text import fast_json
from retouch.core.text.event_stream import (
    UTF8_BOM,
    is_error_event,
    is_event_stream,
    parse_sse_events,
)


@frozen_dataclass
class ProviderJob:
    """The input of one conversation with a provider. It already fits the model's capabilities."""

    model: str  # the provider's own name for the model
    prompt: str
    images: tuple[EncodedImage, ...]
    mask: Mask | None = None
    mask_file: EncodedImage | None = None  # the mask in the provider's format, made by `prepare`
    n: int = 1
    stream: bool = False
    # canonical values; the model's capabilities declare the names
    params: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)  # the provider's settings


@frozen_dataclass
class ProviderRequest:
    """An HTTP request to a provider, as data. It contains no secret.

    A `path` that starts with "/" is relative to the provider's base URL. Any other `path` is a complete URL.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form_fields: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str, EncodedImage], ...] = ()  # (part name, file name, image)
    # in addition to the key and the content type
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: bool = False  # return the body in chunks as they arrive
    delay: float = 0.0  # seconds to wait before sending
    idempotent: bool = False  # may be sent twice at no cost (polls, downloads)
    is_download: bool = False  # of a result image; the URL may be on a foreign host
    # Reads a successful response to a poll. It raises KeyError, TypeError, ValueError ... for a body that is not the
    # provider's response, e.g. the page of a proxy.
    validate: Callable[[ProviderResponse], object] | None = None


@frozen_dataclass
class ProviderResponse:
    """An HTTP response from a provider. `chunks` replaces `body` if the request asked for a stream.

    `failure` says why the rest of the body of a success is missing, if it ended early.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    chunks: Iterator[bytes] | None = None
    failure: Fault | None = None

    def json(self) -> Any:
        """Return the body parsed as JSON. Raises ValueError for any other body.

        Of an event stream this is the last object that is no error: an error after a result does not take it back.
        A success may be paid for, so its JSON is also read when it is not valid, or when it is a string of JSON.
        """
        if not is_event_stream(self.body):
            return self._parse_document(self.body)
        events = list(parse_sse_events([self.body]))
        if not events:
            raise ValueError("the event stream has no object")
        results = [event for event in events if not is_error_event(event)]
        return (results or events)[-1]

    def _parse_document(self, text: bytes) -> Any:
        is_success = 200 <= self.status < 300
        try:
            document = fast_json.loads(text.removeprefix(UTF8_BOM))
        except ValueError:
            if not is_success:
                raise
            # Imported here, because few responses need it.
            from retouch.core.text.lenient_json import parse_invalid_json

            return parse_invalid_json(text)
        is_nested = isinstance(document, str) and document.lstrip()[:1] in ("{", "[")
        return self._parse_document(document.encode()) if is_nested and is_success else document


@frozen_dataclass
class PartialImage:
    """A preview of an image that is not complete yet (streaming only)."""

    image: GeneratedImage
    index: int


@frozen_dataclass
class CompletedImage:
    """An image that is complete before the conversation ends (streaming only)."""

    image: GeneratedImage


ConversationStep = ProviderRequest | PartialImage | CompletedImage
Conversation = Generator[ConversationStep, ProviderResponse, list[GeneratedImage]]
