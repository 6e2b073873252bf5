"""Result -> OpenAI's image object, and what was done on the way as headers. The last room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from email.utils import formatdate
from typing import Any, cast

import orjson

from retouch.cost import cost
from retouch.errors import Billed, Fault, gravest
from retouch.finish import Handed, Polished, Result
from retouch.plan import Plan
from retouch.routing.run import Attempt, Outcome
from retouch.usage import told
from retouch.wire.answer import Answer, json_headers
from retouch.wire.portkey import Portkey

_NOT_CACHED = {"x-portkey-cache-status": "DISABLED"}
_LONGEST_NOTES = 1500  # bytes of one header; the log has them whole
_MOST_ATTEMPTS = 16  # the last ones; the log has them all


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer says of itself. Times are Unix seconds."""

    request_id: str
    created: int
    expires: int  # links in it work until then


def success(result: Result, handed: Handed, plan: Plan, said: Said) -> Answer:
    """OpenAI's image object."""
    body = {"created": said.created, "data": handed.data, **result.facts}
    plan = replace(plan, notes=(*plan.notes, *result.notes, *handed.notes))
    headers = {**json_headers(said.request_id), **plan_headers(plan), **_paid(result, plan)}
    if result.kept is not None:
        headers["x-retouch-preserved-pixels"] = str(result.kept)
    if handed.linked:
        headers["x-retouch-url-expires"] = formatdate(said.expires, usegmt=True)
    return Answer(200, headers, orjson.dumps(body), {**facts(plan), "delivered": len(handed.data)})


def streamed(polished: Polished, plan: Plan) -> dict[str, Any]:
    """What stands beside a streamed picture, as in late answers: the headers left before it was known."""
    kept = plan.delivery.untouched if polished.kept is None else polished.kept
    found = cost(plan.target.serving, 1, told(polished.artifact.facts.get("usage")))
    said = {
        "preserved-pixels": None if kept is None else str(kept),
        "cost-usd": str(found) if found else None,
        "notes": header_text("; ".join(polished.notes)),
    }
    known = {name: text for name, text in said.items() if text}
    return {"retouch": known} if known else {}


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
    usage = result.facts.get("usage")
    found = cost(plan.target.serving, result.bought, usage, len(plan.jobs))
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
    """The answer with the way to it, in headers and the log. What any attempt may have cost, the answer has."""
    attempts = way(answer, outcome)
    headers = {
        "x-retouch-billed": gravest(one.billed for one in attempts if one.billed),
        "x-portkey-last-used-option-index": outcome.leaf.path,
        "x-portkey-retry-attempt-count": str(outcome.retries),
        **({"x-portkey-trace-id": asked.trace_id} if asked.trace_id else {}),
        **({"traceparent": asked.traceparent} if asked.traceparent else {}),
        **({"x-retouch-attempts": _listed(attempts)} if len(attempts) > 1 else {}),
    }
    listed = [asdict(attempt) for attempt in attempts]
    said = {n: v for n, v in answer.facts.items() if asked.debug or n != "notes"}
    facts = {**said, "trace_id": asked.trace_id, "attempts": listed}
    return replace(answer, headers={**_NOT_CACHED, **answer.headers, **headers}, facts=facts)


def way(answer: Answer, outcome: Outcome[Answer]) -> Sequence[Attempt]:
    """The attempts, the last of them as its answer says it ended."""
    if isinstance(outcome.found, Fault):
        return outcome.attempts
    *before, last = outcome.attempts
    billed = cast(Billed, answer.headers["x-retouch-billed"])
    return (*before, replace(last, status=answer.status, billed=billed))


def _listed(attempts: Sequence[Attempt]) -> str:
    """E.g. "targets[0]=429;no, targets[1]=200;yes": where, the status, and whether it may be charged for."""
    return ", ".join(
        f"{one.path.removeprefix('config.')}={one.status};{one.billed}"
        for one in attempts[-_MOST_ATTEMPTS:]
    )
