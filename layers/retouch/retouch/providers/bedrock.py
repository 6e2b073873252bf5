"""Stability's image services on AWS Bedrock. https://docs.aws.amazon.com/bedrock/latest/userguide/stable-image-services.html

Facts from botocore 1.44.5 and AWS's pages, as of 2026-11. Peculiarities: bare base64 in JSON; the services
are asked by their US inference profile, whose id is a model id here too; a filtered edit is a success without
a picture; an answer of over 16 MiB fails after the work was done; a quota is a 400, and a retired model a 404
that may read like a missing permission. Amazon's own Titan and Nova editors are shut down: their ids are
kept for the clients that still send them. Without more to go by, `edit` is SD 3.5 image-to-image, with a
strength of 0.7 unless the caller says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from retouch.cards import SOFT_WHITE, Auth, Failed, Model, Price, Provider, Told
from retouch.messages import Artifact, Call, Conversation, Job, Reply
from retouch.providers._answers import drawn, listed, mapping, text
from retouch.providers._kit import plain
from retouch.providers._stability import (
    CONTROL,
    GROW,
    GUIDED,
    OUTPAINT,
    REMOVE_BACKGROUND,
    SEARCH,
    SEEDED,
    SHAPED,
    SHARE,
    STRENGTH,
    TEXT,
    TRANSFER,
    chooser,
    moderated,
    pictures,
    service,
    words,
)
from retouch.sizes import AsInput
from retouch.specs import Choice, Real, Spec, Unsent, Whole, Words

REGION = "us-west-2"  # of those with the services the one that has SD 3.5 as well
REQUEST_BYTES = 18_000_000  # of pictures: 24,000,000 as base64, of 25,000,000 for a whole body
LONGEST_ANSWER = 16_777_216
_PNG_PIXELS = 4_000_000  # more may not fit into an answer as PNG: 3 bytes each, and base64
_SOURCE = "AWS's price list by way of litellm 1.109.1"
_NOT_ENABLED = re.compile(r"access to the model|model access is denied", re.IGNORECASE)
_ENDED = re.compile(r"end of its life|marked by provider as legacy", re.IGNORECASE)


def edit(job: Job) -> Conversation:
    """One call; the colon in a model's id is escaped in the path."""
    path = f"/model/{quote(job.model, safe='')}/invoke"
    reply = yield Call("POST", path, json=_body(job), headers={"Accept": "application/json"})
    answer = reply.json()
    _check(answer)
    return [Artifact(b64=picture) for picture in answer["images"] if drawn(picture)]


def _body(job: Job) -> dict[str, Any]:
    operation = _OPERATIONS[job.model]
    files = {name: file.base64() for name, file in pictures(job, operation).items()}
    said = words(job, operation)
    if operation == "image-to-image":
        said = {"mode": operation, "strength": STRENGTH, **said}
    if operation == "outpaint" and _canvas(job) > _PNG_PIXELS:
        said = {"output_format": "webp", **said}
    return {**files, **said}


def _canvas(job: Job) -> int:
    """Pixels of an outpainted picture."""
    first, edges = job.images[0], job.params
    width = first.width + edges.get("left", 0) + edges.get("right", 0)
    height = first.height + edges.get("up", 0) + edges.get("down", 0)
    return int(width * height)


def _check(answer: Mapping[str, Any]) -> None:
    """Failed where the success is none: "Filter reason: prompt", "Inference error"."""
    reason = next(filter(None, map(text, listed(answer.get("finish_reasons")))), "")
    if reason.startswith("Filter reason"):
        stage = "output" if "output" in reason else "input"
        raise Failed(moderated(f"The safety filter refused the edit. {reason}.", stage))
    if reason and not any(map(drawn, listed(answer.get("images")))):
        raise Failed(Told(message=f"AWS Bedrock ended the edit: {reason}."))


def explain(reply: Reply) -> Told:
    """The kind stands in a header, with a URL behind it; the body has only the sentence."""
    error = reply.headers.get("x-amzn-errortype", "").partition(":")[0]
    answer = mapping(reply.json())
    message = text(answer.get("message")) or text(answer.get("Message"))
    if reply.status == 403:
        return Told("no_such_model" if _NOT_ENABLED.search(message) else "auth", message)
    if reply.status == 404:
        hint = "AWS has retired the model. " if _ENDED.search(message) else ""
        return Told("no_such_model", hint + message)
    if error == "ServiceQuotaExceededException":
        return Told("out_of_quota", message)
    if error == "ModelNotReadyException":
        return Told("not_started", message)
    late = str(LONGEST_ANSWER) in message
    return Told("", message, billed="unknown" if late else None)


def locate(options: Mapping[str, str]) -> str:
    """The runtime of the region that is set, or of the one that has all models. InvalidRequest for what is none."""
    region = plain(options.get("region", REGION), "aws-region", "a region like us-west-2")
    return f"https://bedrock-runtime.{region}.amazonaws.com"


def _card(name: str, upstream: str, params: Mapping[str, Spec], usd: float) -> Model:
    unsent = {"user": Unsent(Words(512), "AWS Bedrock has no such field")}
    own = service(name, {**params, **unsent}, Price(picture=usd, source=_SOURCE))
    return replace(own, upstream=upstream, request_bytes=REQUEST_BYTES)


def _retired(name: str) -> Model:
    """The contract of a model that is gone, as far as a successor can keep it."""
    return Model(
        id=name,
        prompt="optional",
        prompt_chars=1024,
        n=5,
        mask=SOFT_WHITE,
        params={
            "size": AsInput(),
            "quality": Choice(("standard", "premium")),
            "negative_prompt": Words(1024),
            "seed": Whole(0, 2_147_483_646),
        },
    )


_REMOVED = _card(
    "remove-background",
    "us.stability.stable-image-remove-background-v1:0",
    REMOVE_BACKGROUND,
    0.07,
)
_DIFFUSION = _card(
    "image-to-image",
    "stability.sd3-5-large-v1:0",
    {**SEEDED, "negative_prompt": TEXT, "strength": SHARE},
    0.08,
)
_STYLE: Mapping[str, Spec] = {**SHAPED, "negative_prompt": TEXT, "fidelity": SHARE}
_SERVICES = (
    _card(
        "inpaint",
        "us.stability.stable-image-inpaint-v1:0",
        {**SEEDED, **GUIDED, "grow_mask": GROW},
        0.07,
    ),
    _card(
        "erase",
        "us.stability.stable-image-erase-object-v1:0",
        {**SEEDED, "grow_mask": GROW},
        0.07,
    ),
    _card(
        "outpaint",
        "us.stability.stable-outpaint-v1:0",
        {**OUTPAINT, "creativity": Real(0.1, 1)},
        0.06,
    ),
    _card(
        "search-and-replace",
        "us.stability.stable-image-search-replace-v1:0",
        {**SEARCH, "search_prompt": TEXT},
        0.07,
    ),
    _card(
        "search-and-recolor",
        "us.stability.stable-image-search-recolor-v1:0",
        {**SEARCH, "select_prompt": TEXT},
        0.07,
    ),
    # JPEG is listed, but it would lose the very transparency that is asked for.
    replace(_REMOVED, makes=("png", "webp")),
    # WebP is not surely among what it makes.
    replace(_DIFFUSION, makes=("png", "jpeg")),
    _card("control-sketch", "us.stability.stable-image-control-sketch-v1:0", CONTROL, 0.07),
    _card("control-structure", "us.stability.stable-image-control-structure-v1:0", CONTROL, 0.07),
    _card("control-style", "us.stability.stable-image-style-guide-v1:0", _STYLE, 0.07),
    _card("style-transfer", "us.stability.stable-style-transfer-v1:0", TRANSFER, 0.08),
)
_OPERATIONS = {card.upstream: card.operation for card in _SERVICES}
PROVIDER = Provider(
    name="bedrock",
    title="AWS Bedrock",
    docs="https://docs.aws.amazon.com/bedrock/latest/userguide/stable-image-services.html",
    env="BEDROCK",
    key_variable="AWS_BEARER_TOKEN_BEDROCK",
    settings=("region",),
    locate=locate,
    portkey={"aws-region": "region"},
    family=("aws-", "amz-"),
    remedies={
        "aws-role-arn": "Send a Bedrock API key of your own, or let the gateway's own role pay."
    },
    auth=Auth("Authorization", "Bearer ", identity="aws", scope="bedrock"),
    edit=edit,
    explain=explain,
    default_model="edit",
    models=(
        chooser(_SERVICES),
        *_SERVICES,
        _retired("amazon.nova-canvas-v1:0"),
        _retired("amazon.titan-image-generator-v2:0"),
        _retired("amazon.titan-image-generator-v1"),
    ),
)
