"""Result or Fault -> status, headers, body, in OpenAI's shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from retouch.errors import Fault
from retouch.finish import Result
from retouch.plan import Plan

_LONGEST_NOTES = 1500  # bytes of one header; the log has them whole


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. The body is JSON, or an iterator of frames for an event stream."""

    status: int
    headers: Mapping[str, str]
    body: bytes | Iterator[bytes]
    facts: Mapping[str, Any] = field(default_factory=dict)  # for the log and the metrics


def json_headers(request_id: str) -> dict[str, str]:
    """What every JSON answer carries."""
    return {"Content-Type": "application/json", "x-request-id": request_id}


def success(result: Result, plan: Plan, request_id: str) -> Answer:
    """OpenAI's image object."""
    body = {"created": result.created, "data": result.data, **result.facts}
    headers = {**json_headers(request_id), **plan_headers(plan)}
    return Answer(200, headers, orjson.dumps(body), facts(plan))


def plan_headers(plan: Plan) -> dict[str, str]:
    """What was done that the body has no place for."""
    headers = {
        "x-retouch-model": plan.target.model_id,
        "x-retouch-billed": "yes" if plan.target.provider.paid else "no",
        **plan.headers,
    }
    if plan.notes:
        headers["x-retouch-notes"] = header_text("; ".join(plan.notes))
    return headers


def facts(plan: Plan) -> dict[str, Any]:
    """What the log and the metrics say of a planned edit."""
    return {
        "provider": plan.target.provider.name,
        "model": plan.target.serving.id,
        "calls": len(plan.jobs),
        "pictures": sum(job.n for job in plan.jobs),
        "notes": list(plan.notes),
        "masked": plan.jobs[0].mask is not None,
    }


def header_text(text: str) -> str:
    """Text as a header may carry it: printable ASCII on one line."""
    safe = "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
    return safe[:_LONGEST_NOTES]


def failure(fault: Fault, request_id: str) -> Answer:
    """OpenAI's error envelope; the headers tell SDKs whether to repeat and callers whether they paid."""
    headers = {**json_headers(request_id), "x-retouch-billed": fault.billed}
    if fault.should_retry is not None:
        headers["x-should-retry"] = "true" if fault.should_retry else "false"
    if fault.retry_after is not None and fault.should_retry is not False:
        headers["retry-after"] = f"{fault.retry_after:g}"
    body = orjson.dumps({"error": envelope(fault)})
    return Answer(fault.status, headers, body, fault_facts(fault))


def envelope(fault: Fault) -> dict[str, Any]:
    """The `error` object: always the same four keys, details beside them."""
    return {
        "message": str(fault),
        "type": fault.type,
        "param": fault.param,
        "code": fault.code,
        **fault.details,
    }


def fault_facts(fault: Fault) -> dict[str, Any]:
    """What the log and the metrics say of a failure."""
    return {"error": fault.code, "blame": fault.blame, "param": fault.param}
