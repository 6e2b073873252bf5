"""OpenAI's event stream: one event per preview, one per finished image, one for a failure."""

from __future__ import annotations

from typing import Any

import orjson

from retouch.api.response.errors import error_envelope, error_response, fault_from_exception
from retouch.api.response.header_text import notes_text
from retouch.core.edit_types import GeneratedImage
from retouch.core.errors import Fault
from retouch.core.http_response import BodyStream
from retouch.core.text import fast_json
from retouch.gateway.result import AttemptReport, EditStream, StreamedImage

SSE_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
KEEP_ALIVE = b": keep-alive\n\n"
ECHOED_PARAMS = ("size", "quality", "background", "output_format")


def encode_stream(stream: EditStream, attempt: AttemptReport, request_id: str) -> BodyStream:
    """Yield the events. A heartbeat is a comment. A failure is the last event.

    The event of every finished image has the results of the guardrails. Return the error response after a failure,
    else None.
    """
    try:
        for image in stream.events:
            yield _encode_image(image, stream.created, attempt) if image else KEEP_ALIVE
    except Exception as error:  # a broken connection would make the client send the edit again
        fault = fault_from_exception(error)
        yield error_event(fault)
        return error_response(fault, request_id)
    return None


def encode_answer(body: bytes) -> BodyStream:
    """Yield the images of a stored answer as events: one for each finished image, and no previews."""
    document = fast_json.loads(body)
    shared = {name: document.get(name, "auto") for name in ECHOED_PARAMS}
    usage = {"usage": document["usage"]} if "usage" in document else {}
    for image in document["data"]:
        payload = {**image, "created_at": document["created"], **shared, **usage}
        yield _encode_event("image_edit.completed", payload)
    return None


def error_event(fault: Fault) -> bytes:
    """Return the response to a failure after the first byte, when status and headers are already sent."""
    metadata = {"status": fault.status, "billed": fault.billed}
    return _encode_event(
        "error", {"error": error_envelope(fault), "retouch": metadata, **fault.extra_body}
    )


def _encode_image(image: StreamedImage, created: int, attempt: AttemptReport) -> bytes:
    payload = _image_payload(image.image, created)
    if image.partial_index is not None:
        payload["partial_image_index"] = image.partial_index
        return _encode_event("image_edit.partial_image", payload)
    usage = image.image.metadata.get("usage")
    known_usage = {"usage": usage} if "usage" in image.image.metadata else {}
    fields = {**known_usage, **attempt.hooks.extra_body, **_metadata(image, attempt)}
    return _encode_event("image_edit.completed", {**payload, **fields})


def _metadata(image: StreamedImage, attempt: AttemptReport) -> dict[str, Any]:
    """Return the facts about a finished image. The headers were sent before they were known."""
    kept, cost = image.preserved_pixels, attempt.shown_cost(image.cost, 1)
    values = {
        "preserved-pixels": None if kept is None else str(kept),
        "cost-usd": str(cost) if cost else None,
        "notes": notes_text(image.notes),
    }
    known = {name: value for name, value in values.items() if value}
    return {"retouch": known} if known else {}


def _image_payload(image: GeneratedImage, created: int) -> dict[str, Any]:
    echoed = {name: image.metadata.get(name, "auto") for name in ECHOED_PARAMS}
    return {"b64_json": image.to_base64(), "created_at": created, **echoed}


def _encode_event(name: str, payload: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps({"type": name, **payload}))
