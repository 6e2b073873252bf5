"""An HTTP answer, and a Fault as one: OpenAI's error envelope."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from retouch.errors import Fault, MethodNotAllowed

_PREFIX = "x-retouch-"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. The body is JSON, or pieces that are still to come.

    Pieces return, at their end, the answer as it turned out; None where it is as it began.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | Pieces
    facts: Mapping[str, Any] = field(default_factory=dict)  # for the log and the metrics


Pieces = Generator[bytes, None, Answer | None]


def beside(answer: Answer) -> dict[str, Any]:
    """What HTTP has the status and headers for, as an object: for answers that have none, or none any more."""
    ours = {n: v for n, v in answer.headers.items() if n.startswith(_PREFIX)}
    return {"status": answer.status, **{n.removeprefix(_PREFIX): v for n, v in ours.items()}}


def json_headers(request_id: str) -> dict[str, str]:
    """What every JSON answer carries."""
    return {"Content-Type": "application/json", "x-request-id": request_id}


def failure(fault: Fault, request_id: str) -> Answer:
    """OpenAI's error envelope; the headers tell SDKs whether to repeat and callers whether they paid."""
    headers = {**json_headers(request_id), **fault.headers, "x-retouch-billed": fault.billed}
    if fault.should_retry is not None:
        headers["x-should-retry"] = "true" if fault.should_retry else "false"
    if fault.retry_after is not None and fault.should_retry is not False:
        headers["retry-after"] = f"{fault.retry_after:g}"
    if isinstance(fault, MethodNotAllowed):
        headers["Allow"] = fault.allow
    body = orjson.dumps({"error": envelope(fault), **fault.beside})
    return Answer(fault.status, headers, body, fault_facts(fault))


def as_portkey(answer: Answer) -> Answer:
    """The same with what Portkey says of the gateway's own errors; providers' errors it hands through as they are."""
    ours = answer.facts.get("blame") == "gateway"
    if not ours and ("error" not in answer.facts or "upstream_status" in answer.facts):
        return answer
    assert isinstance(answer.body, bytes), "an error is JSON"
    headers = {**answer.headers, **({"x-portkey-gateway-exception": "true"} if ours else {})}
    return replace(answer, headers=headers, body=b'{"status":"failure",' + answer.body[1:])


def as_fault(error: Exception) -> Fault:
    """A Fault as it is; anything nobody expected goes to the log and becomes one bland sentence."""
    if isinstance(error, Fault):
        return error
    logging.getLogger("retouch").error("unexpected error", exc_info=error)
    sentence = "The gateway failed. The operator finds the reason in its log."
    return Fault(sentence, billed="unknown")


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
    said = {"upstream_status": fault.upstream_status} if fault.upstream_status else {}
    return {**fault.facts, "error": fault.code, "blame": fault.blame, "param": fault.param, **said}
