"""Google's image models on Vertex AI, now the Gemini Enterprise Agent Platform.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/image-generation

The requests are those of the Gemini API on another host. Facts from google-genai 3.4.0 and Google's pages as of
2026-11. Peculiarities:
- The path contains the project and the location. In express mode it contains neither, because the key is sufficient.
- Each image may have 7 MB.
- The output format can be chosen.
- A key together with a project works too, according to a report to Google's .NET SDK.
Which location serves which model is not known for certain. The location is therefore a setting, and `global` is the
default. Imagen's models, mask editing among them, are discontinued and are not listed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from retouch.core.capabilities import Auth, ModelCapabilities, Provider
from retouch.core.parameters import EnumParam, IntParam, ParameterSpec
from retouch.core.provider_protocol import Conversation, ProviderJob, ProviderRequest
from retouch.providers._shared.gemini import build_body, request_image
from retouch.providers._shared.gemini_errors import parse_google_error
from retouch.providers._shared.gemini_models import GEMINI_MODELS
from retouch.providers._shared.request_building import drop_none, validate_label

GLOBAL_LOCATION = "global"
MULTI_REGIONS = ("us", "eu")
# A project id or number, optionally after the organisation: "example.com:acme".
_PROJECT_PATTERN = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}(?::[a-z0-9][a-z0-9-]{0,99})?", re.ASCII)
MAX_IMAGE_BYTES = 7_000_000
VERTEX_PARAMS: Mapping[str, ParameterSpec] = {
    "output_format": EnumParam(("png", "jpeg", "webp")),
    "output_compression": IntParam(0, 100),
    "person_generation": EnumParam(("allow_all", "allow_adult", "allow_none")),
    "prominent_people": EnumParam(("allow_prominent_people", "block_prominent_people")),
}


def edit(job: ProviderJob) -> Conversation:
    """Send one request for one image."""
    url = f"{_publisher_parent(job.options)}/publishers/google/models/{job.model}:generateContent"
    return (
        yield from request_image(
            ProviderRequest("POST", url, json=build_body(job, _image_config(job.params)))
        )
    )


def _publisher_parent(options: Mapping[str, str]) -> str:
    """Return the path before the publisher. It contains the project, or only the version in express mode."""
    if "project" not in options:
        return "/v1"
    rule = "a project's id or number"
    project = validate_label(options["project"], "vertex-project-id", rule, _PROJECT_PATTERN)
    return f"/v1/projects/{project}/locations/{quote(_location(options), safe='')}"


def _location(options: Mapping[str, str]) -> str:
    return options.get("location", GLOBAL_LOCATION)


def resolve_base_url(options: Mapping[str, str]) -> str:
    """Return the base URL of the location: global, a multi-region or a region. Express mode uses the global one.

    Raises InvalidRequest when the location or the project is not a valid name.
    """
    validate_label(
        options.get("project", "p"),
        "vertex-project-id",
        "a project's id or number",
        _PROJECT_PATTERN,
    )
    location = validate_label(_location(options), "vertex-region", "a location like us-central1")
    if location == GLOBAL_LOCATION or "project" not in options:
        return "https://aiplatform.googleapis.com"
    if location in MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def _image_config(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the imageConfig fields that only this host supports.

    PNG has no compression quality. The API contract allows output_compression=100 for PNG, and it is not sent.
    """
    output_format = params.get("output_format")
    quality = params.get("output_compression") if output_format == "jpeg" else None
    options = drop_none(
        mimeType=f"image/{output_format}" if output_format else None, compressionQuality=quality
    )
    return drop_none(
        imageOutputOptions=options or None,
        personGeneration=_to_upper(params.get("person_generation")),
        prominentPeople=_to_upper(params.get("prominent_people")),
    )


def _to_upper(word: str | None) -> str | None:
    return word.upper() if word else None


def _vertex_model(model: ModelCapabilities) -> ModelCapabilities:
    return replace(
        model,
        max_image_bytes=MAX_IMAGE_BYTES,
        params={**model.params, **VERTEX_PARAMS},
        output_formats=("png", "jpeg"),
        supports_compression=True,
    )


PROVIDER = Provider(
    name="vertex-ai",
    title="Vertex AI",
    docs_url="https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/image-generation",
    env_prefix="VERTEX_AI",
    settings=("project", "location"),
    # of Google's SDK and gcloud, LiteLLM and the AI SDK
    vendor_variables={
        "api_key": ("VERTEX_API_KEY", "GOOGLE_VERTEX_API_KEY"),
        "base_url": ("VERTEX_BASE_URL", "GOOGLE_VERTEX_BASE_URL"),
        "project": (
            "VERTEX_PROJECT",
            "VERTEX_PROJECT_ID",
            "VERTEXAI_PROJECT",
            "GOOGLE_VERTEX_PROJECT",
            "GOOGLE_CLOUD_PROJECT",
        ),
        "location": (
            "VERTEX_LOCATION",
            "VERTEX_REGION",
            "VERTEXAI_LOCATION",
            "GOOGLE_VERTEX_LOCATION",
            "GOOGLE_CLOUD_LOCATION",
        ),
        "service_account_json": ("VERTEX_SERVICE_ACCOUNT_JSON",),
        "credentials_json": ("VERTEX_CREDENTIALS_JSON",),
    },
    secrets=("service_account_json", "credentials_json"),
    resolve_base_url=resolve_base_url,
    portkey_settings={"vertex-project-id": "project", "vertex-region": "location"},
    header_prefixes=("vertex-",),
    refused_headers={
        "vertex-service-account-json": "Fetch an access token with it yourself and send that as the key.",
    },
    auth=Auth(
        "x-goog-api-key",
        bearer_key_prefixes=("ya29.",),
        identity="gcp",
        scope="https://www.googleapis.com/auth/cloud-platform",
    ),
    edit_flow=edit,
    parse_error=parse_google_error,
    default_model="gemini-nano-banana-2.1",
    models=tuple(map(_vertex_model, GEMINI_MODELS)),
)
