"""Feedback in Portkey's shape: POST /v1/feedback, PUT /v1/feedback/{id}, and the graphs of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from retouch.api.admin.fields import FieldReader
from retouch.api.admin.log_rates import count_log_write
from retouch.api.admin.request import AdminRequest, AdminResponse, AdminServices, not_found
from retouch.api.admin.usage_params import (
    analytics_query,
    require_documents,
    require_store,
    span_starts,
)
from retouch.core.errors import InvalidRequest
from retouch.usage.documents import Document, feedback_group
from retouch.usage.event import limit_metadata
from retouch.usage.feedback import (
    MAX_VALUE,
    MIN_VALUE,
    Feedback,
    FeedbackReader,
    average_feedback,
    count_feedback,
    day_of_feedback,
    feedbacks_document,
    final_event,
    from_document,
    models_document,
    new_feedback_id,
    scores_document,
    to_document,
)

_SCOPE = "logs.write"
_MAX_FEEDBACKS, _MAX_TRACE_CHARS = 100, 128
_MILLION = 1_000_000


def create_feedback(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Store one feedback, or a list of them."""
    request.require_scope(_SCOPE)
    count_log_write(request, services)
    found = [_read_feedback(values, request, services) for values in _read_feedbacks(request)]
    documents = require_documents(services)
    for feedback in found:
        documents.write(to_document(feedback))
    return 200, _saved_document([feedback.id for feedback in found])


def update_feedback(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Change the value, the weight or the metadata of a feedback."""
    request.require_scope(_SCOPE)
    count_log_write(request, services)
    documents, identifier = require_documents(services), request.path_values["id"]
    fields = FieldReader(request.body())
    while True:
        document = _find(identifier, request, services)
        changed = replace(from_document(document), **_read_changes(fields))
        if documents.write(to_document(changed, document.version)):
            return 200, _saved_document([identifier])


def show_feedbacks(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return the number of feedbacks over time."""
    return _show_over_time(request, services, count_feedback)


def show_weighted_feedback(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return the weighted average over time."""
    return _show_over_time(request, services, average_feedback)


def show_scores(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return how often each value was given."""
    return 200, scores_document(_reader(services).read(analytics_query(request, services)))


def show_models(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return the weighted average of each model."""
    query, reader = analytics_query(request, services), _reader(services)
    return 200, models_document(reader.read(query), reader.model_of)


def _show_over_time(
    request: AdminRequest,
    services: AdminServices,
    point: Callable[[Sequence[Feedback]], dict[str, Any]],
) -> AdminResponse:
    query = analytics_query(request, services)
    found = _reader(services).read(query)
    return 200, feedbacks_document(found, span_starts(query), point)


def _reader(services: AdminServices) -> FeedbackReader:
    return FeedbackReader(require_documents(services), require_store(services))


def _read_feedbacks(request: AdminRequest) -> list[Mapping[str, Any]]:
    bodies = request.objects("feedback")
    if len(bodies) > _MAX_FEEDBACKS:
        raise InvalidRequest(
            f"The list has {len(bodies)} feedbacks. Send at most {_MAX_FEEDBACKS} at once."
        )
    return bodies


def _read_feedback(
    values: Mapping[str, Any], request: AdminRequest, services: AdminServices
) -> Feedback:
    fields = FieldReader(values)
    trace = fields.required_text("trace_id", _MAX_TRACE_CHARS)
    if values.get("value") is None:
        raise fields.error("value", f"is required: a whole number from {MIN_VALUE} to {MAX_VALUE}")
    changes = _read_changes(fields)
    workspace = request.key.workspace.id
    events = require_store(services).find_by_trace(trace)
    is_of_others = events and all(event.workspace != workspace for event in events)
    if is_of_others and request.is_of_organisation:
        workspace = events[0].workspace
    event, now = final_event(events, workspace), services.clock.unix_time()
    feedback = Feedback(new_feedback_id(now), workspace, now, trace, **changes)
    return replace(feedback, provider=event.provider, model=event.model) if event else feedback


def _read_changes(fields: FieldReader) -> dict[str, Any]:
    value = fields.integer("value", MIN_VALUE, MAX_VALUE)
    weight = fields.millionths("weight", 1)
    metadata = fields.raw("metadata")
    if metadata is not None and not isinstance(metadata, Mapping):
        raise fields.error("metadata", "must be an object")
    fields.reject_unknown("trace_id")
    changes: dict[str, Any] = {}
    if value is not None:
        changes["value"] = value
    if weight is not None:
        changes["weight"] = weight / _MILLION
    if metadata is not None:
        changes["metadata"] = limit_metadata(metadata)
    return changes


def _find(identifier: str, request: AdminRequest, services: AdminServices) -> Document:
    """Return a feedback of the key's workspace. Raises NotFound."""
    day = day_of_feedback(identifier)
    group = feedback_group(request.key.workspace.id, day or "")
    document = require_documents(services).read(group, identifier) if day else None
    if document is None:
        raise not_found("feedback", identifier)
    return document


def _saved_document(identifiers: Sequence[str]) -> dict[str, Any]:
    return {
        "status": "success",
        "success": True,
        "message": "Feedback successfully saved",
        "feedback_ids": list(identifiers),
    }


FEEDBACK_ROUTES = {
    ("POST", "/v1/feedback"): create_feedback,
    ("PUT", "/v1/feedback/{id}"): update_feedback,
    ("GET", "/v1/analytics/graphs/feedbacks"): show_feedbacks,
    ("GET", "/v1/analytics/graphs/feedbacks/scores"): show_scores,
    ("GET", "/v1/analytics/graphs/feedbacks/weighted"): show_weighted_feedback,
    ("GET", "/v1/analytics/graphs/feedbacks/ai-models"): show_models,
}
