"""A direct invoke: the JSON edit itself as the event, and OpenAI's answer object as the return value.

For Step Functions, EventBridge Pipes and other Lambdas, which have no use for HTTP. Who may invoke is IAM's
business, so there is no gateway key; a failure comes back as the error envelope, never as a crash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from retouch.api.request.json_body import form_from_values
from retouch.api.request.limits import DEFAULT_LIMITS, BodyLimits
from retouch.api.response.errors import metadata_object
from retouch.core.errors import InvalidRequest
from retouch.core.http import HttpResponse
from retouch.core.models import ParsedForm

# Lambda returns at most 6,291,556 bytes; base64 beyond this goes out as links.
MAX_RESPONSE_BYTES = 5_500_000


def is_edit_event(event: object) -> bool:
    """Whether the event is an edit rather than HTTP or something else entirely."""
    if not isinstance(event, Mapping) or "requestContext" in event:
        return False
    return bool(event.keys() & {"prompt", "images", "image"})


def form_from_event(event: Mapping[str, Any], limits: BodyLimits = DEFAULT_LIMITS) -> ParsedForm:
    """The event's fields. InvalidRequest when they cannot be read, or ask for a stream."""
    if event.get("stream"):
        raise InvalidRequest(
            "A direct invoke returns one object; leave 'stream' out.",
            param="stream",
            code="unsupported_parameter",
        )
    return form_from_values(event, limits)


def invocation_result(response: HttpResponse) -> dict[str, Any]:
    """The answer's body as an object, with what HTTP has headers for under `retouch`."""
    assert isinstance(response.body, bytes), "streams are refused on the way in"
    return {**orjson.loads(response.body), "retouch": metadata_object(response)}
