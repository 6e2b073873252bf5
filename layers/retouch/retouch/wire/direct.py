"""A direct invoke: the JSON edit itself as the event, and OpenAI's answer object as the return value.

For Step Functions, EventBridge Pipes and other Lambdas, which have no use for HTTP. Who may invoke is IAM's
business, so there is no gateway key; a failure comes back as the error envelope, never as a crash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from retouch.errors import InvalidRequest
from retouch.messages import Form
from retouch.wire.answer import Answer, beside
from retouch.wire.json_form import from_values
from retouch.wire.limits import DEFAULT, Limits

# Lambda returns at most 6,291,556 bytes; base64 beyond this goes out as links.
MOST_BYTES = 5_500_000


def is_edit(event: object) -> bool:
    """Whether the event is an edit rather than HTTP or something else entirely."""
    if not isinstance(event, Mapping) or "requestContext" in event:
        return False
    return bool(event.keys() & {"prompt", "images", "image"})


def form(event: Mapping[str, Any], limits: Limits = DEFAULT) -> Form:
    """The event's fields. InvalidRequest when they cannot be read, or ask for a stream."""
    if event.get("stream"):
        raise InvalidRequest(
            "A direct invoke returns one object; leave 'stream' out.",
            param="stream",
            code="unsupported_parameter",
        )
    return from_values(event, limits)


def result(answer: Answer) -> dict[str, Any]:
    """The answer's body as an object, with what HTTP has headers for under `retouch`."""
    assert isinstance(answer.body, bytes), "streams are refused on the way in"
    return {**orjson.loads(answer.body), "retouch": beside(answer)}
