"""A provider's failing answer -> Fault. Adapters read the words, the two tables here decide the class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from retouch.cards import Kind, Provider, Told
from retouch.errors import (
    BadUpstream,
    Billed,
    Fault,
    Misconfigured,
    ModelNotFound,
    Moderated,
    OutOfQuota,
    OutOfTime,
    RateLimited,
    Refused,
    Unauthorized,
)
from retouch.messages import Reply
from retouch.plan.resolve import Target

BY_KIND: dict[Kind, type[Fault]] = {
    "moderated": Moderated,
    "out_of_quota": OutOfQuota,
    "suspended": Misconfigured,
    "refused": Refused,
    "rate_limited": RateLimited,
    "failed": BadUpstream,
    "no_such_model": ModelNotFound,
}
BY_STATUS: dict[int, type[Fault]] = {
    402: OutOfQuota,
    408: OutOfTime,
    424: BadUpstream,  # what stands behind the provider failed
    429: RateLimited,
    504: OutOfTime,
}
_LONGEST = 1000
_DRIFT = (ValueError, AttributeError, KeyError, TypeError, IndexError)


def told(provider: Provider, reply: Reply) -> Told:
    """What the provider says, however broken: a proxy's HTML page or a cut body says nothing."""
    try:
        return provider.explain(reply)
    except _DRIFT:
        return Told()


def fault(target: Target, reply: Reply) -> Fault:
    """The Fault for a reply that is no success."""
    return told_fault(target, reply, told(target.provider, reply))


def told_fault(target: Target, reply: Reply, said: Told) -> Fault:
    """The Fault for a failure already read; `reply` gives status and headers."""
    fault = _judged(target, reply, said)
    fault.upstream_status = reply.status
    return fault


def _judged(target: Target, reply: Reply, said: Told) -> Fault:
    if said.kind == "auth" or (not said.kind and reply.status == 401):
        return _auth(target)
    if said.kind == "not_started":
        return BadUpstream(
            f"{target.provider.title} is overloaded and did not start the edit.",
            code="provider_overloaded",
            billed="no",
            retry_after=patience(said, reply),
        )
    kind = BY_KIND.get(said.kind) or BY_STATUS.get(reply.status) or _by_hundred(reply.status)
    if kind is Misconfigured and target.key_is_callers:  # it is the caller's own account
        kind = Refused
    said = scrubbed(said, target.key)
    return kind(
        public(said.message) or f"{target.provider.title} answered {reply.status}.",
        param=said.param,
        code=said.code if issubclass(kind, Refused | RateLimited) else None,
        status=reply.status if kind is Refused and reply.status >= 400 else None,
        billed=said.billed or _billed(kind, said),
        retry_after=patience(said, reply),
        details=said.details if kind is Moderated else None,
    )


def patience(said: Told, reply: Reply) -> float | None:
    """Seconds after which the provider wants to be asked again, where it says so."""
    return retry_after(reply.headers) if said.retry_after is None else said.retry_after


def _by_hundred(status: int) -> type[Fault]:
    return Refused if 400 <= status < 500 else BadUpstream


def _billed(kind: type[Fault], said: Told) -> Billed | None:
    # Only a block of the input is known to come before the paid generation.
    stage = said.details.get("moderation_details", {}).get("moderation_stage")
    return "no" if kind is Moderated and stage == "input" else None


def _auth(target: Target) -> Fault:
    title = target.provider.title
    if target.key_is_callers:
        return Unauthorized(f"{title} did not accept the API key of this request.")
    return Misconfigured(
        f"{title} did not accept the gateway's API key. Tell the gateway's operator."
    )


def scrubbed(said: Told, key: str | None) -> Told:
    """The same words without the key, should the provider have echoed it anywhere."""
    return Told(*_without(key, [getattr(said, f.name) for f in fields(said)])) if key else said


def _without(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(key, "[key]")
    if isinstance(value, Mapping):
        return {_without(key, k): _without(key, v) for k, v in value.items()}
    return [_without(key, v) for v in value] if isinstance(value, list | tuple) else value


def public(message: str) -> str:
    """A provider's sentence, fit to be shown: no nested JSON, no control characters, not endless."""
    text = _unnested(message.strip())
    return "".join(c if c.isprintable() else " " for c in text)[:_LONGEST]


def _unnested(text: str) -> str:
    if not text.startswith("{"):
        return text
    try:
        inner = orjson.loads(text)
        return str((inner.get("error") or inner).get("message") or "")
    except _DRIFT:
        return ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from a milliseconds header as Azure and OpenAI prefer it or from either standard form."""
    milliseconds = headers.get("retry-after-ms") or headers.get("x-ms-retry-after-ms", "")
    if milliseconds.isascii() and milliseconds.replace(".", "", 1).isdigit():
        return float(milliseconds) / 1000
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except _DRIFT:
        return None
