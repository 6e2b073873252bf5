"""OpenAI's event stream: one frame per picture on the way, one per finished picture, one for a failure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from retouch.api.response.errors import (
    error_envelope,
    error_response,
    fault_from_exception,
    metadata_object,
)
from retouch.core.errors import Fault
from retouch.core.http import BodyStream
from retouch.core.models import GeneratedImage

SSE_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
KEEP_ALIVE = b": keep-alive\n\n"
_ECHOED_PARAMS = ("size", "quality", "background", "output_format")


def partial_image_event(image: GeneratedImage, index: int, created: int) -> bytes:
    """A preview. `index` counts from 0."""
    return _encode_event(
        "image_edit.partial_image",
        {**_image_payload(image, created), "partial_image_index": index},
    )


def completed_event(image: GeneratedImage, created: int, extra_fields: Mapping[str, Any]) -> bytes:
    """A finished picture, with usage where the provider gives it, and what a plain answer has beside its pictures."""
    usage = {"usage": image.metadata["usage"]} if "usage" in image.metadata else {}
    return _encode_event(
        "image_edit.completed", {**_image_payload(image, created), **usage, **extra_fields}
    )


def error_event(fault: Fault) -> bytes:
    """A failure after the first byte, when status and headers can no longer say it."""
    metadata = metadata_object(error_response(fault, ""))
    return _encode_event(
        "error", {"error": error_envelope(fault), "retouch": metadata, **fault.extra_body}
    )


def stream_events(
    first_event: bytes | None, later_events: Iterable[bytes | None], request_id: str
) -> BodyStream:
    """The frames, with a comment where there is nothing to say, ended by an error frame when they fail midway."""
    yield first_event or KEEP_ALIVE
    try:
        for event in later_events:
            yield event or KEEP_ALIVE
    except Exception as error:  # a broken connection would be taken for a reason to order again
        fault = fault_from_exception(error)
        yield error_event(fault)
        return error_response(fault, request_id)
    return None


def _image_payload(image: GeneratedImage, created: int) -> dict[str, Any]:
    echoed_params = {name: image.metadata.get(name, "auto") for name in _ECHOED_PARAMS}
    return {"b64_json": image.to_base64(), "created_at": created, **echoed_params}


def _encode_event(name: str, payload: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps({"type": name, **payload}))
