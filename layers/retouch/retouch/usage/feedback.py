"""Feedback about edits: a value from -10 to 10 with a weight, given to the trace of an edit."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, field
from typing import Any

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.usage.cost_basis import event_with_cost_basis
from retouch.usage.documents import Document, DocumentStore, feedback_group
from retouch.usage.event import UsageEvent, day_of
from retouch.usage.graphs import graph_envelope, show_timestamp
from retouch.usage.query import UsageQuery, iter_days
from retouch.usage.stores import UsageStore

MIN_VALUE, MAX_VALUE = -10, 10
_PREFIX, _DAY_CHARS = "fb_", 8


@frozen_dataclass
class Feedback:
    """One feedback. Several may name the same trace."""

    id: str
    workspace: str
    time: int  # Unix seconds
    trace: str
    value: int
    weight: float = 1.0
    provider: str = ""  # of the edit; empty: not known yet
    model: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


def new_feedback_id(now: int) -> str:
    """Return the id of a new feedback. It contains the day, so that the feedback can be read by its id."""
    return f"{_PREFIX}{day_of(now).replace('-', '')}{secrets.token_hex(8)}"


def day_of_feedback(identifier: str) -> str | None:
    """Return the day in the id of a feedback, or None for any other text."""
    digits = identifier.removeprefix(_PREFIX)[:_DAY_CHARS]
    if not identifier.startswith(_PREFIX) or len(digits) < _DAY_CHARS or not digits.isdigit():
        return None
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"


def to_document(feedback: Feedback, version: str = "") -> Document:
    """Return the document that is stored of a feedback."""
    values = {**asdict(feedback), "metadata": dict(feedback.metadata)}
    group = feedback_group(feedback.workspace, day_of(feedback.time))
    return Document(group, feedback.id, values, version)


def from_document(document: Document) -> Feedback:
    """Return the feedback of a document."""
    return Feedback(**document.values)


class FeedbackReader:
    """Reads feedback. The model of an edit that was not known when the feedback came is looked up."""

    def __init__(self, documents: DocumentStore, usage: UsageStore) -> None:
        self._documents, self._usage = documents, usage

    def read(self, query: UsageQuery) -> list[Feedback]:
        """Return the feedback of the query's workspaces and time whose edits match its filter."""
        found = []
        for workspace in query.workspaces:
            for start, end in iter_days(query.start, query.end):
                for document in self._documents.read_group(
                    feedback_group(workspace, day_of(start))
                ):
                    feedback = from_document(document)
                    if start <= feedback.time < end and self._matches(feedback, query):
                        found.append(feedback)
        return found

    def model_of(self, feedback: Feedback) -> str:
        """Return the model of the edit: provider/model, or an empty text."""
        if feedback.provider:
            return f"{feedback.provider}/{feedback.model}"
        event = final_event(self._usage.find_by_trace(feedback.trace), feedback.workspace)
        return f"{event.provider}/{event.model}" if event else ""

    def _matches(self, feedback: Feedback, query: UsageQuery) -> bool:
        if not query.filter.fields:
            return True
        found = self._usage.find_by_trace(feedback.trace)
        own = (event for event in found if event.workspace == feedback.workspace)
        return any(
            query.filter.matches(event_with_cost_basis(one, query.cost_basis)) for one in own
        )


def final_event(events: Iterable[UsageEvent], workspace: str) -> UsageEvent | None:
    """Return the last attempt of the last request among the events of a workspace that reached a provider."""
    own = [e for e in events if e.workspace == workspace and e.provider and not e.adjusts]
    return max(own, key=lambda event: (event.is_final, event.id), default=None)


def feedbacks_document(
    found: Sequence[Feedback], starts: range, point: Callable[[Sequence[Feedback]], dict[str, Any]]
) -> dict[str, Any]:
    """Return the graph of feedback over time. `point` makes the summary and each point."""
    spans: dict[int, list[Feedback]] = defaultdict(list)
    for one in found:
        spans[(one.time // starts.step) * starts.step].append(one)
    points = [{"timestamp": show_timestamp(start), **point(spans[start])} for start in starts]
    return graph_envelope(point(found), points)


def count_feedback(found: Sequence[Feedback]) -> dict[str, Any]:
    """Return the number of feedbacks."""
    return {"total": len(found)}


def average_feedback(found: Sequence[Feedback]) -> dict[str, Any]:
    """Return the average of the values, weighted."""
    return {"avg": _weighted_average(found)}


def scores_document(found: Sequence[Feedback]) -> dict[str, Any]:
    """Return how often each value was given."""
    counts: dict[int, int] = defaultdict(int)
    for one in found:
        counts[one.value] += 1
    points = [{"score": score, "total": counts[score]} for score in sorted(counts)]
    return graph_envelope(count_feedback(found), points)


def models_document(
    found: Sequence[Feedback], model_of: Callable[[Feedback], str]
) -> dict[str, Any]:
    """Return the weighted average of each model."""
    groups: dict[str, list[Feedback]] = defaultdict(list)
    for one in found:
        groups[model_of(one)].append(one)
    points = [
        {
            "ai_model": model,
            "total": len(groups[model]),
            "avg_weighted_feedback": _weighted_average(groups[model]),
        }
        for model in sorted(groups)
        if model
    ]
    return graph_envelope({}, points)


def _weighted_average(found: Sequence[Feedback]) -> float:
    weights = sum(one.weight for one in found)
    return round(sum(one.value * one.weight for one in found) / weights, 4) if weights else 0.0
