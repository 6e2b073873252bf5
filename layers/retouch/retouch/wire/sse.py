"""OpenAI's event stream: one frame per picture on the way, one per finished picture, one for a failure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from retouch.errors import Fault
from retouch.messages import Artifact
from retouch.wire.answer import Pieces, as_fault, beside, envelope, failure

HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
KEEP_ALIVE = b": keep-alive\n\n"
_ECHOED = ("size", "quality", "background", "output_format")


def partial(artifact: Artifact, index: int, created: int) -> bytes:
    """A preview. `index` counts from 0."""
    return _frame(
        "image_edit.partial_image",
        {**_picture(artifact, created), "partial_image_index": index},
    )


def completed(artifact: Artifact, created: int, told: Mapping[str, Any]) -> bytes:
    """A finished picture, with usage where the provider gives it, and what a plain answer has beside its pictures."""
    usage = {"usage": artifact.facts["usage"]} if "usage" in artifact.facts else {}
    return _frame("image_edit.completed", {**_picture(artifact, created), **usage, **told})


def failed(fault: Fault) -> bytes:
    """A failure after the first byte, when status and headers can no longer say it."""
    told = beside(failure(fault, ""))
    return _frame("error", {"error": envelope(fault), "retouch": told, **fault.beside})


def joined(first: bytes | None, rest: Iterable[bytes | None], request_id: str) -> Pieces:
    """The frames, with a comment where there is nothing to say, ended by an error frame when they fail midway."""
    yield first or KEEP_ALIVE
    try:
        for frame in rest:
            yield frame or KEEP_ALIVE
    except Exception as error:  # a broken connection would be taken for a reason to order again
        fault = as_fault(error)
        yield failed(fault)
        return failure(fault, request_id)
    return None


def _picture(artifact: Artifact, created: int) -> dict[str, Any]:
    echoed = {name: artifact.facts.get(name, "auto") for name in _ECHOED}
    return {"b64_json": artifact.base64(), "created_at": created, **echoed}


def _frame(name: str, payload: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps({"type": name, **payload}))
