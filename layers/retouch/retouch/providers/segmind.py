"""Segmind, a catalogue of slugs. https://docs.segmind.com

Facts from segmind-python 1.3.0 and the vendor's pages as of 2026-11. Peculiarities: every slug has its own schema
(see _segmind_slugs.py) and one of two API versions, v1 that answers with the picture and v2 that answers with a
job (SEGMIND_API_VERSION forces one for all); a failed job is a 422, no credits are a 406; moderation is known
by its words only; the wait after a 429 stands in a header of their own. Pictures travel in the order;
SEGMIND_UPLOAD_URL (https://workflows-api.segmind.com/upload-asset) uploads them first instead and orders by
link, which every slug takes, but the files stay at Segmind.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from retouch.cards import Auth, Failed, Provider, Told
from retouch.messages import Artifact, Call, Conversation, Job, Reply, Step
from retouch.providers._answers import fetched, text, words
from retouch.providers._kit import poll
from retouch.providers._segmind_slugs import MODELS, SLUGS, Slug

# Whole words: "safety_tolerance must be at most 6" is no refusal.
REFUSAL = re.compile(r"\b(nsfw|safety|moderat(ion|ed)|flagged)\b", re.IGNORECASE)
MONEY = re.compile(r"\b(credits?|spend(ing)?|balance|quota)\b", re.IGNORECASE)
NOT_SERVED = {404, 405, 410}  # unknown slug, not in this API version, retired
EVERY = 1.0  # seconds between polls, as the SDK does


def edit(job: Job) -> Conversation:
    """One order. Whether its answer is the picture or a job is read from the answer."""
    slug = SLUGS[job.model]
    body = order(job, slug, (yield from _pictures(job, slug)))
    version = job.options.get("api_version") or slug.version
    reply = yield Call("POST", f"/{version}/{job.model}", json=body)
    if reply.headers.get("content-type", "").startswith("image/"):
        return [Artifact(data=reply.body)]
    answer = reply.json()
    if "request_id" not in answer:
        return [(yield from fetched(_link(answer["image"])))]
    done = yield from _finished(answer, job)
    return [(yield from fetched(_link(done["output"])))]


def order(job: Job, slug: Slug, pictures: list[str]) -> dict[str, Any]:
    """The order in the slug's own words."""
    params = dict(job.params)
    made = params.pop("output_format", "png")
    if slug.format:
        params[slug.format] = "jpg" if made == "jpeg" else made
    images, mask = pictures[: len(job.images)], pictures[len(job.images) :]
    canvas = (edge // 8 * 8 for edge in job.images[0].size)  # in eights, as the model works
    return {
        **slug.fixed,
        **_named(slug, images),
        **({"mask": mask[0]} if mask else {}),
        **dict(zip(slug.canvas, canvas, strict=False)),
        **({"prompt": job.prompt} if job.prompt else {}),
        **params,
    }


def _named(slug: Slug, images: list[str]) -> dict[str, Any]:
    first = slug.images[0]
    if first.endswith("[]"):
        return {first.removesuffix("[]"): images}
    return dict(zip(slug.images, images, strict=False))


def _pictures(job: Job, slug: Slug) -> Generator[Step, Reply, list[str]]:
    """The pictures and then the mask, as text: in the slug's dialect, or as links after an upload."""
    pictures = [*job.images, *([job.mask_file] if job.mask_file else [])]
    upload = job.options.get("upload_url")
    if not upload:
        return [p.base64() if slug.bare else p.data_url() for p in pictures]
    urls = {"data_urls": [p.data_url() for p in pictures]}
    answer = (yield Call("POST", upload, json=urls, repeatable=True)).json()
    links = list(filter(None, map(text, answer["file_urls"])))
    if len(links) != len(pictures):
        raise ValueError("as many links as pictures were expected")
    return links


def _finished(ordered: Mapping[str, Any], job: Job) -> Generator[Step, Reply, Any]:
    """The answer of a job, once it is done. Failed where it failed with a success status."""
    status, response = (_own(ordered[name], job) for name in ("status_url", "response_url"))
    state = (yield from poll(Call("GET", status), _over, every=EVERY)).json()
    if state["status"] == "FAILED":
        raise Failed(_told(words(state)))
    return (yield Call("GET", response, repeatable=True)).json()


def _over(reply: Reply) -> bool:
    return reply.json()["status"] in ("COMPLETED", "FAILED")


def _own(url: str, job: Job) -> str:
    """A URL of theirs that gets the key; ValueError where it leads elsewhere than to the endpoint itself."""
    if urlsplit(url)[:2] != urlsplit(job.options["base_url"])[:2]:
        raise ValueError("a job is asked after on the host that took the order")
    return url


def _link(output: Any) -> str:
    """The result's link out of text, a list or an object, which differs by slug: what comes first; "" for none."""
    while isinstance(output, Mapping | list):
        inner = output.values() if isinstance(output, Mapping) else output
        output = next(filter(None, inner), "")
    return text(output)


def explain(reply: Reply) -> Told:
    """{"error": "text"} in every place but 405, which is a page."""
    if reply.status in NOT_SERVED:
        return Told("no_such_model", f"Segmind does not serve this model (status {reply.status}).")
    if reply.status == 429:
        return Told("rate_limited", words(reply.json()), retry_after=_until_reset(reply.headers))
    message = words(reply.json())
    if reply.status == 406 and MONEY.search(message):
        return Told("out_of_quota", message)
    # A 400 comes before there is a job, and only then it is certain that nothing was made.
    said = replace(_told(message), billed="no" if reply.status == 400 else None)
    return replace(said, kind="failed") if reply.status == 422 and not said.kind else said


def _told(message: str) -> Told:
    if not REFUSAL.search(message):
        return Told(message=message)
    details = {"moderation_stage": "unknown", "categories": []}
    return Told("moderated", message, details={"moderation_details": details})


def _until_reset(headers: Mapping[str, str]) -> float | None:
    """Seconds from the answer's own date to the reset; None where either is missing."""
    if "x-rate-limit-reset-at-utc" not in headers or "date" not in headers:
        return None
    reset = datetime.fromisoformat(headers["x-rate-limit-reset-at-utc"])
    left = reset.replace(tzinfo=reset.tzinfo or UTC) - parsedate_to_datetime(headers["date"])
    return max(0.0, left.total_seconds())


PROVIDER = Provider(
    name="segmind",
    title="Segmind",
    docs="https://docs.segmind.com",
    env="SEGMIND",
    base_url="https://api.segmind.com",
    auth=Auth("x-api-key"),
    settings=("api_version", "upload_url"),
    own_hosts=("workflows-api.segmind.com",),
    edit=edit,
    explain=explain,
    check=Call("GET", "/v1/get-user-credits", repeatable=True),
    default_model="edit",
    models=MODELS,
)
