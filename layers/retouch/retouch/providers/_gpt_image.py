"""The images/edits conversation and the GPT image cards, shared by the hosts that serve those models.

Facts from openai-python 3.54.0 and OpenAI's pages as of 2026-11. Peculiarities: the part's media type must be
the true one; `moderation` exists in the JSON form only; GPT image models answer base64, never links.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

from retouch.cards import Failed, Told
from retouch.messages import (
    Artifact,
    Call,
    Conversation,
    Finished,
    Job,
    Partial,
    Picture,
    Reply,
    Step,
)
from retouch.providers._kit import as_text, events, present

FACTS = ("background", "output_format", "quality", "size", "usage")
QUOTA_CODES = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_usage_limit_exceeded",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
)


def converse(call: Call) -> Conversation:
    """Send the order and read the answer, in one piece or as events."""
    reply = yield call
    if reply.chunks is not None:
        yield from watch(reply)
        return []
    answer = reply.json()
    facts = {name: answer[name] for name in FACTS if answer.get(name) is not None}
    pictures = []
    for item in answer["data"]:
        picture = yield from _picture(item, facts)
        pictures.append(picture)
    return pictures


def _picture(item: Mapping[str, Any], facts: Mapping[str, Any]) -> Generator[Step, Reply, Artifact]:
    """One item of `data`; a link (DALL-E era, OpenAI-compatible servers) is fetched at once."""
    if item.get("b64_json"):
        return Artifact(
            b64=item["b64_json"], revised_prompt=item.get("revised_prompt"), facts=facts
        )
    file = yield Call("GET", item["url"], repeatable=True)
    return Artifact(data=file.body, revised_prompt=item.get("revised_prompt"), facts=facts)


def watch(reply: Reply) -> Iterator[Partial | Finished]:
    """The provider's events as pictures."""
    for event in events(reply.chunks or ()):
        if "error" in event:
            raise Failed(told_by(200, event["error"]))
        facts = {name: event[name] for name in FACTS if event.get(name) is not None}
        picture = Artifact(b64=event["b64_json"], facts=facts)
        if event["type"].endswith(".partial_image"):
            yield Partial(picture, event["partial_image_index"])
        else:
            yield Finished(picture)


def body(job: Job, also: Mapping[str, Any]) -> dict[str, Any]:
    """The order as keyword arguments of a Call: multipart, or JSON where a parameter exists only there."""
    params = {
        **also,
        "prompt": job.prompt,
        "n": job.n,
        **job.params,
        **present(stream=True if job.stream else None),
    }
    if params.get("moderation", "auto") != "auto":
        return {"json": {**params, **_references(job)}, "stream": job.stream}
    params.pop("moderation", None)
    fields = tuple((name, as_text(value)) for name, value in params.items())
    return {"fields": fields, "files": files(job), "stream": job.stream}


def files(job: Job) -> tuple[tuple[str, str, Picture], ...]:
    """`image` for one picture, repeated `image[]` for several, as the official SDKs do."""
    name = "image" if len(job.images) == 1 else "image[]"
    parts = [(name, f"image{i}.{p.format}", p) for i, p in enumerate(job.images)]
    return (*parts, ("mask", "mask.png", job.mask_file)) if job.mask_file else tuple(parts)


def _references(job: Job) -> dict[str, Any]:
    images = [{"image_url": p.data_url()} for p in job.images]
    mask = {"image_url": job.mask_file.data_url()} if job.mask_file else None
    return present(images=images, mask=mask)


def told_by(status: int, error: Mapping[str, Any]) -> Told:
    """OpenAI's error object in our words."""
    code, message = error.get("code"), str(error.get("message") or "")
    if code in ("moderation_blocked", "content_policy_violation", "image_content_policy_violation"):
        return Told("moderated", message, None, None, _moderation(error))
    if code in QUOTA_CODES or error.get("type") == "insufficient_quota":
        return Told("out_of_quota", message, code)
    if code in ("server_is_overloaded", "slow_down") and status == 503:
        return Told("not_started", message)
    if code == "invalid_api_key":
        return Told("auth", message)
    return Told("", message, code, error.get("param"))


def _moderation(error: Mapping[str, Any]) -> dict[str, Any]:
    details = error.get("moderation_details")
    return {"moderation_details": details} if isinstance(details, dict) else {}
