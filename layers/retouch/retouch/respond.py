"""Result -> OpenAI's image object, and what was done on the way as headers. The last room."""

from __future__ import annotations

from dataclasses import asdict, replace
from email.utils import formatdate
from typing import Any

import orjson

from retouch.cost import cost
from retouch.finish import Result
from retouch.plan import Plan
from retouch.routing.run import Outcome
from retouch.wire.answer import Answer, json_headers
from retouch.wire.portkey import Portkey

_UNKEPT = (
    "preserve: the answer has another shape than the picture, so no pixels were put back; "
    "preserve=true maps it back"
)
_NOT_CACHED = {"x-portkey-cache-status": "DISABLED"}
_LONGEST_NOTES = 1500  # bytes of one header; the log has them whole


def success(result: Result, plan: Plan, request_id: str, expires: int) -> Answer:
    """OpenAI's image object. `expires` is the Unix time until which links in it work."""
    body = {"created": result.created, "data": result.data, **result.facts}
    if result.kept == 0:
        plan = replace(plan, notes=(*plan.notes, _UNKEPT))
    headers = {**json_headers(request_id), **plan_headers(plan), **_paid(result, plan)}
    if result.kept is not None:
        headers["x-retouch-preserved-pixels"] = str(result.kept)
    if plan.delivery.response_format == "url":
        headers["x-retouch-url-expires"] = formatdate(expires, usegmt=True)
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


def _paid(result: Result, plan: Plan) -> dict[str, str]:
    found = cost(plan.target.serving, len(result.data), result.facts.get("usage"))
    return {"x-retouch-cost-usd": str(found)} if found else {}


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


def routed(answer: Answer, outcome: Outcome[Answer], asked: Portkey) -> Answer:
    """The answer with the way to it, in Portkey's headers and the log."""
    provider = outcome.leaf.provider or answer.headers.get("x-retouch-model", "").partition("/")[0]
    headers = {
        "x-portkey-last-used-option-index": outcome.leaf.path,
        "x-portkey-retry-attempt-count": str(outcome.retries),
        **({"x-portkey-trace-id": asked.trace_id} if asked.trace_id else {}),
        **({"traceparent": asked.traceparent} if asked.traceparent else {}),
        **({"x-portkey-provider": provider} if provider else {}),
    }
    told = [asdict(attempt) for attempt in outcome.attempts]
    facts = {**answer.facts, "trace_id": asked.trace_id, "attempts": told}
    return replace(answer, headers={**_NOT_CACHED, **answer.headers, **headers}, facts=facts)
