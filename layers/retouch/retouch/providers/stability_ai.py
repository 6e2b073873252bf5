"""Stability AI's REST services. https://platform.stability.ai/docs/api-reference

Facts from Stability's OpenAPI document (2026-08), as of 2026-11. Peculiarities: multipart only; a filtered
result is a success with a blurred picture; a 403 is moderation, not the key; too many calls lock the account
out for a minute, and no header says so; the form has `down`, though the page's example has `bottom`.
Replacing the background is asynchronous and takes its second picture as the new background, its third as the light.
Without more to go by, `edit` is SD 3.5 image-to-image, with a strength of 0.7 unless the caller says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from retouch.cards import Auth, Failed, Model, Price, Provider, Told
from retouch.errors import InvalidRequest
from retouch.messages import Artifact, Call, Conversation, Job, Reply
from retouch.providers._answers import drawn, text
from retouch.providers._answers import words as sentence
from retouch.providers._kit import as_text, poll
from retouch.providers._stability import (
    CONTROL,
    FREE_SHAPE,
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
from retouch.specs import Choice, Flag, Real, Spec, Whole, Words

RELIGHT = "replace-background-and-relight"
ULTRA = "ultra"
REQUEST_BYTES = 10_400_000  # of pictures; 10 MiB is the limit of the whole request
LOCKED_OUT = 60.0  # seconds after more than 150 requests in ten
POLL_EVERY = 10.0  # seconds; asking more often is not allowed
_JSON = {"Accept": "application/json"}
_USER = "stability-client-user-id"
_CLIENT = ("stability-client-id", _USER, "stability-client-version")
_SOURCE = "Stability's OpenAPI document, 2026-08: credits of $0.01"
_RESULTS = ("image", "result", "base64")  # what results have been called
_ROUTES = {
    "control-sketch": "control/sketch",
    "control-structure": "control/structure",
    "control-style": "control/style",
    "style-transfer": "control/style-transfer",
    ULTRA: "generate/ultra",
}


def edit(job: Job) -> Conversation:
    """One call; a new background is ordered with it and asked for until it is there."""
    reply = yield _order(job)
    if job.model == RELIGHT:
        result = f"/v2beta/results/{quote(reply.json()['id'], safe='')}"
        reply = yield from poll(Call("GET", result, headers=_JSON), _ended, every=POLL_EVERY)
    return [_picture(reply.json())]


def _order(job: Job) -> Call:
    fields = words(job, job.model)
    headers = {**_JSON, **_client(job, fields.pop("user", None))}
    if job.model.startswith("sd3"):
        route = "generate/sd3"
        fields = {"mode": "image-to-image", "model": job.model, "strength": STRENGTH, **fields}
    else:
        route = _ROUTES.get(job.model, f"edit/{job.model}")
    if job.model == RELIGHT:
        _check_light(job)
    if job.model == ULTRA:
        fields = {"strength": STRENGTH, **fields}
    files = pictures(job, job.model).items()
    return Call(
        "POST",
        f"/v2beta/stable-image/{route}",
        fields=tuple((name, as_text(value)) for name, value in fields.items()),
        files=tuple((name, f"{name}.{picture.format}", picture) for name, picture in files),
        headers=headers,
    )


def _client(job: Job, user: object) -> dict[str, str]:
    """Who asks, as the caller's own headers say it, or its `user`. InvalidRequest where both name a user."""
    named = {name: job.options[name] for name in _CLIENT if job.options.get(name)}
    if user and _USER in named:
        raise InvalidRequest(
            f"'user' and x-portkey-{_USER} say the same to Stability AI. Send one of them.",
            param="user",
        )
    return {**named, **({_USER: _hidden(user)} if user else {})}


def _check_light(job: Job) -> None:
    """InvalidRequest for the strength of a light that is not there."""
    lit = "light_source_direction" in job.params or len(job.images) > 2
    if "light_source_strength" in job.params and not lit:
        raise InvalidRequest(
            "'light_source_strength' needs a light: send 'light_source_direction' or a third picture as its reference.",
            param="light_source_strength",
        )


def _hidden(user: object) -> str:
    """Always the same for a user, and fit for a header, but not the caller's own word for him."""
    return sha256(str(user).encode()).hexdigest()


def _ended(reply: Reply) -> bool:
    return reply.status != 202


def _picture(answer: dict[str, Any]) -> Artifact:
    """The picture, by whatever name. A filtered one is only a blur."""
    reason = text(answer.get("finish_reason")) or "SUCCESS"
    if reason == "CONTENT_FILTERED":
        # Whether it is billed is not said.
        raise Failed(moderated("Stability AI filtered the finished picture.", "output"))
    if reason != "SUCCESS":
        raise Failed(Told(message=f"Stability AI ended the edit with {reason}."))
    found = [picture for name in _RESULTS if (picture := drawn(answer.get(name)))]
    return Artifact(b64=found[0])


def explain(reply: Reply) -> Told:
    """`name` tells the failures apart. Only successful edits are billed, so what Stability itself refuses is not."""
    if reply.status == 429:
        wait = None if "retry-after" in reply.headers else LOCKED_OUT
        return Told("rate_limited", "Stability AI takes 150 requests in 10 s.", retry_after=wait)
    answer = reply.json()
    name, message = answer["name"], sentence(answer.get("errors")) or sentence(answer)
    if name in ("content_moderation", "public_figure"):
        return moderated(message or "The safety system refused the request.", "input", name)
    if name == "invalid_language":
        return Told("refused", message, name, "prompt")
    return Told("", message, billed="no")


def _card(name: str, params: Mapping[str, Spec], credits: float) -> Model:
    price = Price(picture=credits / 100, source=_SOURCE)
    own = service(name, {**params, "user": Words(512)}, price)
    return replace(own, request_bytes=REQUEST_BYTES)


def _diffusion(name: str, credits: float, upstream: str) -> Model:
    """SD 3.5 image-to-image. The turbo's predecessor was known not to read a negative prompt."""
    params = {**SEEDED, **GUIDED, "strength": SHARE, "cfg_scale": Real(1, 10)}
    if upstream.endswith("turbo"):
        del params["negative_prompt"]
    return replace(
        _card(name, params, credits),
        upstream=upstream,
        bounds=FREE_SHAPE,
        makes=("png", "jpeg"),
        operation="image-to-image",
    )


_LIGHT: Mapping[str, Spec] = {
    **SEEDED,
    "foreground_prompt": TEXT,
    "negative_prompt": TEXT,
    "preserve_original_subject": SHARE,
    "original_background_depth": SHARE,
    "keep_original_background": Flag(),
    "light_source_direction": Choice(("left", "right", "above", "below")),
    "light_source_strength": SHARE,
}
_SERVICES = (
    replace(
        _card("inpaint", {**SEEDED, **GUIDED, "grow_mask": Whole(0, 100)}, 5), bounds=FREE_SHAPE
    ),
    replace(_card("erase", {**SEEDED, "grow_mask": GROW}, 5), bounds=FREE_SHAPE),
    _card("outpaint", {**OUTPAINT, "creativity": SHARE}, 4),
    _card("search-and-replace", {**SEARCH, "search_prompt": TEXT}, 5),
    _card("search-and-recolor", {**SEARCH, "select_prompt": TEXT}, 5),
    replace(
        _card("remove-background", REMOVE_BACKGROUND, 5),
        bounds=replace(FREE_SHAPE, most_pixels=4_194_304),
        makes=("png", "webp"),
    ),
    _diffusion("image-to-image", 6.5, "sd3.5-large"),
)
PROVIDER = Provider(
    name="stability-ai",
    title="Stability AI",
    docs="https://platform.stability.ai/docs/api-reference",
    env="STABILITY",
    base_url="https://api.stability.ai",
    auth=Auth("Authorization", "Bearer "),
    portkey={name: name for name in _CLIENT},
    family=("stability-",),
    edit=edit,
    explain=explain,
    check=Call("GET", "/v1/user/balance", repeatable=True),
    default_model="edit",
    models=(
        chooser(_SERVICES),
        *_SERVICES,
        _diffusion("sd3.5-large", 6.5, "sd3.5-large"),
        _diffusion("sd3.5-large-turbo", 4, "sd3.5-large-turbo"),
        _diffusion("sd3.5-medium", 3.5, "sd3.5-medium"),
        _diffusion("sd3.5-flash", 2.5, "sd3.5-flash"),
        replace(
            _card(ULTRA, {**SHAPED, **GUIDED, "strength": SHARE}, 8),
            bounds=replace(FREE_SHAPE, most_edge=16_384),
            operation="image-to-image",
        ),
        _card(RELIGHT, _LIGHT, 8),
        _card("control-sketch", CONTROL, 5),
        _card("control-structure", CONTROL, 5),
        _card("control-style", {**SHAPED, **GUIDED, "fidelity": SHARE}, 5),
        _card("style-transfer", TRANSFER, 8),
    ),
)
