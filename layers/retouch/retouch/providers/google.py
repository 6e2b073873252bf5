"""Google's Gemini API with a key from AI Studio. https://ai.google.dev/gemini-api/docs/image-generation

Facts from google-genai 3.4.0 and Google's pages as of 2026-11. The key is sent in a header, never in the URL. One
request may have about 20 MB in base64. Google has announced a higher limit, but this adapter does not rely on it. The
output format, PNG or JPEG, cannot be chosen. Google's billing FAQ says that a request that fails with 500 or 503 is
not charged. Imagen's models were shut down on 2026-08-17 and are not listed.
"""

from __future__ import annotations

from dataclasses import replace

from retouch.core.capabilities import Auth, ParsedError, Provider
from retouch.core.provider_protocol import (
    Conversation,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.providers._shared import gemini_errors
from retouch.providers._shared.gemini import build_body, request_image
from retouch.providers._shared.gemini_models import GEMINI_MODELS
from retouch.providers._shared.response_parsing import mapping_or_empty

MAX_REQUEST_BYTES = 13_500_000  # 18 MB in base64


def edit(job: ProviderJob) -> Conversation:
    """Send one request for one image."""
    request = ProviderRequest("POST", f"/models/{job.model}:generateContent", json=build_body(job))
    return (yield from request_image(request))


def parse_error(response: ProviderResponse) -> ParsedError:
    """Return the parsed error. A 500 or 503 is not billed."""
    error = gemini_errors.parse_google_error(response)
    return replace(error, billed="no") if response.status in (500, 503) else error


def read_model_names(response: ProviderResponse) -> frozenset[str] | None:
    """Return the names in the list of models, or None when the list goes on at another page."""
    payload = mapping_or_empty(response.json())
    if payload.get("nextPageToken"):
        return None
    names = (mapping_or_empty(model)["name"] for model in payload["models"])
    return frozenset(name.removeprefix("models/") for name in names)


PROVIDER = Provider(
    name="google",
    title="Google Gemini",
    docs_url="https://ai.google.dev/gemini-api/docs/image-generation",
    env_prefix="GOOGLE",
    # of Google's SDKs and CLI, and of the AI SDK; Google's SDK prefers GOOGLE_API_KEY too
    vendor_variables={"api_key": ("GEMINI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY")},
    base_url="https://generativelanguage.googleapis.com/v1beta",
    auth=Auth("x-goog-api-key"),
    edit_flow=edit,
    parse_error=parse_error,
    health_check=ProviderRequest("GET", "/models", {"pageSize": "1000"}, idempotent=True),
    read_model_names=read_model_names,
    default_model="gemini-nano-banana-2.1",
    models=tuple(replace(model, max_request_bytes=MAX_REQUEST_BYTES) for model in GEMINI_MODELS),
)
