"""Renders an EditResult for a transport: HTTP with JSON, HTTP with an event stream, or a direct invoke.

Each transport calls one function here, and calls it once. All facts come from the typed result.
"""

from __future__ import annotations

from typing import Any

import orjson

from retouch.api.response import dry_run, errors, sse
from retouch.api.response.errors import Dialect
from retouch.api.response.headers import edit_metadata, is_replayed_stream, response_headers
from retouch.api.response.log_fields import log_fields
from retouch.core.errors import Fault
from retouch.core.http_response import BodyStream, HttpResponse
from retouch.gateway.result import (
    EditPreview,
    EditResult,
    EditStream,
)
from retouch.gateway.results.delivery import DeliveredImage
from retouch.orders.order import StoredAnswer


def render_http(result: EditResult, request_id: str, dialect: Dialect) -> HttpResponse:
    """Return the HTTP response: JSON, or an event stream when the result is one."""
    headers = response_headers(result, request_id, dialect)
    fields = log_fields(result)
    if isinstance(result.outcome, StoredAnswer):
        return HttpResponse(result.status, headers, _stored_body(result), fields)
    if isinstance(result.outcome, EditStream):
        stream = sse.encode_stream(result.outcome, result.attempt, request_id)
        return HttpResponse(result.status, headers, stream, fields)
    body = orjson.dumps(document(result, dialect))
    return HttpResponse(result.status, headers, body, fields)


def _stored_body(result: EditResult) -> bytes | BodyStream:
    """Return the body of a stored answer, or its images as events for a caller who wants a stream."""
    answer = result.outcome
    assert isinstance(answer, StoredAnswer), "the caller has checked it"
    return sse.encode_answer(answer.body) if is_replayed_stream(result) else answer.body


def render_invocation(result: EditResult) -> dict[str, Any]:
    """Return the result as the return value of a direct invoke. `retouch` contains the values of the HTTP headers."""
    return {**document(result, "openai-api"), "retouch": metadata_object(result)}


def metadata_object(result: EditResult) -> dict[str, Any]:
    """Return the status and the `x-retouch-*` headers as an object, for transports without headers."""
    is_replay = result.order is not None and result.order.is_replay
    replayed = {"idempotent-replayed": "true"} if is_replay else {}
    return {"status": result.status, **edit_metadata(result), **replayed}


def document(result: EditResult, dialect: Dialect) -> dict[str, Any]:
    """Return the JSON body as an object: OpenAI's image object, its error envelope, or the plan of a dry run."""
    outcome = result.outcome
    assert not isinstance(outcome, EditStream), "a stream has events instead of a body"
    if isinstance(outcome, Fault):
        return errors.error_document(outcome, dialect)
    if isinstance(outcome, StoredAnswer):
        stored: dict[str, Any] = orjson.loads(outcome.body)
        return stored
    if isinstance(outcome, EditPreview):
        return dry_run.plan_document(outcome, result.attempt)
    images = [_image_entry(image) for image in outcome.images]
    hooks = result.attempt.hooks.extra_body
    return {"created": outcome.created, "data": images, **outcome.metadata, **hooks}


def _image_entry(image: DeliveredImage) -> dict[str, str]:
    """Return one entry of `data`."""
    entry = {
        "b64_json": image.b64_json,
        "url": image.url,
        "revised_prompt": image.revised_prompt or None,
    }
    return {name: value for name, value in entry.items() if value is not None}
