"""Google's image models on Vertex AI, now the Gemini Enterprise Agent Platform.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/image-generation

The conversation of the Gemini API under another roof. Facts from google-genai 3.4.0 and Google's pages as of 2026-11.
Peculiarities: the project and the location stand in the path, but for express mode, where a key says it all; each
picture may have 7 MB; the answer's format can be chosen. A key together with a project works too, says a report to
Google's .NET SDK. Which model is served where is not known for sure, so the location is a setting and `global` the
default. Imagen's models, mask editing among them, are discontinued and have no cards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from retouch.cards import Auth, Model, Provider
from retouch.messages import Call, Conversation, Job
from retouch.providers._gemini import body, converse
from retouch.providers._gemini_cards import FAMILY
from retouch.providers._gemini_refusals import explain
from retouch.providers._kit import plain, present
from retouch.specs import Choice, Spec, Whole

GLOBAL = "global"
MULTI_REGIONS = ("us", "eu")
# An id or a number, before it perhaps the organisation: "example.com:acme".
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}(?::[a-z0-9][a-z0-9-]{0,99})?", re.ASCII)
PICTURE_BYTES = 7_000_000
PARAMS: Mapping[str, Spec] = {
    "output_format": Choice(("png", "jpeg", "webp")),
    "output_compression": Whole(0, 100),
    "person_generation": Choice(("allow_all", "allow_adult", "allow_none")),
    "prominent_people": Choice(("allow_prominent_people", "block_prominent_people")),
}


def edit(job: Job) -> Conversation:
    """One call, one picture."""
    url = f"{_place(job.options)}/publishers/google/models/{job.model}:generateContent"
    return (yield from converse(Call("POST", url, json=body(job, _image_config(job.params)))))


def _place(options: Mapping[str, str]) -> str:
    """The path down to the publisher: with the project where there is one, else that of express mode."""
    if "project" not in options:
        return "/v1"
    rule = "a project's id or number"
    project = plain(options["project"], "vertex-project-id", rule, _PROJECT)
    return f"/v1/projects/{project}/locations/{quote(_location(options), safe='')}"


def _location(options: Mapping[str, str]) -> str:
    return options.get("location", GLOBAL)


def locate(options: Mapping[str, str]) -> str:
    """The host of the location: global, a multi-region or a region. Express mode is served from the global one.

    InvalidRequest where the location or the project is no plain name.
    """
    plain(options.get("project", "p"), "vertex-project-id", "a project's id or number", _PROJECT)
    location = plain(_location(options), "vertex-region", "a location like us-central1")
    if location == GLOBAL or "project" not in options:
        return "https://aiplatform.googleapis.com"
    if location in MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def _image_config(params: Mapping[str, Any]) -> dict[str, Any]:
    """What only this host takes. Compression means nothing to a PNG; the contract allows it there as 100."""
    wanted = params.get("output_format")
    quality = params.get("output_compression") if wanted == "jpeg" else None
    options = present(mimeType=f"image/{wanted}" if wanted else None, compressionQuality=quality)
    return present(
        imageOutputOptions=options or None,
        personGeneration=_upper(params.get("person_generation")),
        prominentPeople=_upper(params.get("prominent_people")),
    )


def _upper(word: str | None) -> str | None:
    return word.upper() if word else None


def _vertex(model: Model) -> Model:
    return replace(
        model,
        image_bytes=PICTURE_BYTES,
        params={**model.params, **PARAMS},
        makes=("png", "jpeg"),
        compresses=True,
    )


PROVIDER = Provider(
    name="vertex-ai",
    title="Vertex AI",
    docs="https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/image-generation",
    env="VERTEX_AI",
    settings=("project", "location"),
    secrets=("service_account_json", "credentials_json"),
    locate=locate,
    portkey={"vertex-project-id": "project", "vertex-region": "location"},
    family=("vertex-",),
    remedies={
        "vertex-service-account-json": "Fetch an access token with it yourself and send that as the key.",
    },
    auth=Auth(
        "x-goog-api-key",
        tokens=("ya29.",),
        identity="gcp",
        scope="https://www.googleapis.com/auth/cloud-platform",
    ),
    edit=edit,
    explain=explain,
    default_model="gemini-nano-banana-2.1",
    models=tuple(map(_vertex, FAMILY)),
)
