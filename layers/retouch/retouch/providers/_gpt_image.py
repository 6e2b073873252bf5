"""The images/edits conversation and the GPT image cards, shared by the hosts that serve those models.

Facts from openai-python 3.54.0 and OpenAI's pages as of 2026-11. Peculiarities: the part's media type must be
the true one; `moderation` exists in the JSON form only; GPT image models answer base64, never links.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

from retouch.cards import Failed, Told
from retouch.errors import InvalidRequest
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
from retouch.providers._answers import drawn, listed, mapping, text, whole, words
from retouch.providers._kit import as_text, events, present

FACTS = ("background", "output_format", "quality", "size")
URL_BYTES = 15_728_000  # of a file, so that its data: URL has at most 20,971,520 characters
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
    facts = _facts(answer)
    pictures: list[Artifact] = []
    for item in answer["data"]:
        pictures += yield from _picture(mapping(item), facts)
    return pictures


def _picture(
    item: Mapping[str, Any], facts: Mapping[str, Any]
) -> Generator[Step, Reply, list[Artifact]]:
    """One item of `data`, or none; a link (DALL-E era, OpenAI-compatible servers) is fetched at once."""
    revised = text(item.get("revised_prompt")) or None
    if picture := drawn(item.get("b64_json")):
        return [Artifact(b64=picture, revised_prompt=revised, facts=facts)]
    if link := text(item.get("url")):
        file = yield Call("GET", link, repeatable=True)
        return [Artifact(data=file.body, revised_prompt=revised, facts=facts)]
    return []


def watch(reply: Reply) -> Iterator[Partial | Finished]:
    """The provider's events as pictures; those of other types (keep-alives, what is new) are passed over."""
    for event in events(reply.chunks or ()):
        if event.get("error"):
            raise Failed(told_by(200, event["error"]))
        kind, picture = text(event.get("type")), drawn(event.get("b64_json"))
        if not picture:
            continue
        if kind.endswith(".completed"):
            yield Finished(Artifact(b64=picture, facts=_facts(event)))
        if kind.endswith(".partial_image"):
            index = whole(event.get("partial_image_index")) or 0
            yield Partial(Artifact(b64=picture, facts=_facts(event)), index)


def _facts(answer: Mapping[str, Any]) -> dict[str, Any]:
    return present(
        **{name: text(answer.get(name)) or None for name in FACTS},
        usage=mapping(answer.get("usage")) or None,
    )


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
    """The files as data: URLs. InvalidRequest where one is too long for that."""
    for picture in job.images:  # a mask is smaller than that anyway
        _check_url(picture, job.params["moderation"])
    images = [{"image_url": p.data_url()} for p in job.images]
    mask = {"image_url": job.mask_file.data_url()} if job.mask_file else None
    return present(images=images, mask=mask)


def _check_url(picture: Picture, moderation: str) -> None:
    if len(picture.data) > URL_BYTES:
        raise InvalidRequest(
            f"A picture has {len(picture.data)} bytes; with moderation={moderation} it travels as text, which may "
            f"hold at most {URL_BYTES}. Scale it down or compress it, or leave 'moderation' out.",
            param="image",
            code="image_file_too_large",
        )


def told_by(status: int, said: Any) -> Told:
    """OpenAI's error object in our words; servers that only look like OpenAI's may send a mere sentence."""
    error = mapping(said)
    code, message = text(error.get("code")) or None, words(said)
    if code in ("moderation_blocked", "content_policy_violation", "image_content_policy_violation"):
        return Told("moderated", message, None, None, _moderation(error))
    if code in QUOTA_CODES or error.get("type") == "insufficient_quota":
        return Told("out_of_quota", message, code)
    if code in ("server_is_overloaded", "slow_down") and status == 503:
        return Told("not_started", message)
    if code == "invalid_api_key":
        return Told("auth", message)
    return Told("", message, code, text(error.get("param")) or None)


def _moderation(error: Mapping[str, Any]) -> dict[str, Any]:
    details = mapping(error.get("moderation_details"))
    if not details:
        return {}
    stage = text(details.get("moderation_stage")) or "unknown"
    categories = list(filter(text, listed(details.get("categories"))))
    return {"moderation_details": {**details, "moderation_stage": stage, "categories": categories}}
