"""OpenAI images/edits. https://platform.openai.com/docs/api-reference/images/createEdit

Facts from openai-python 3.54.0 and OpenAI's pages as of 2026-11. A refusal and a typo have the same error `type`, so
only `code` distinguishes them. Clients still send requests for `dall-e-2` and `gpt-image-1`, but OpenAI has shut these
models down (see planning/retirement.json).
"""

from __future__ import annotations

from datetime import date

from retouch.core.capabilities import Auth, ParsedError, Provider
from retouch.core.parameters import EnumParam
from retouch.core.provider_protocol import (
    Conversation,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.providers._shared.gpt_image import build_body, parse_openai_error, request_images
from retouch.providers._shared.gpt_image_models import (
    DALL_E_2,
    GPT_IMAGE_1_5_PRICE,
    GPT_IMAGE_1_MINI_PRICE,
    GPT_IMAGE_1_PARAMS,
    GPT_IMAGE_1_PRICE,
    GPT_IMAGE_2_5_PARAMS,
    GPT_IMAGE_2_5_PRICE,
    GPT_IMAGE_2_6_PARAMS,
    GPT_IMAGE_2_6_PRICE,
    GPT_IMAGE_2_PARAMS,
    gpt_image_model,
)
from retouch.providers._shared.request_building import drop_none
from retouch.providers._shared.response_parsing import mapping_or_empty

_ACCOUNT_HEADERS = {
    "OpenAI-Organization": "organization",
    "OpenAI-Project": "project",
    "OpenAI-Beta": "beta",
}


def edit(job: ProviderJob) -> Conversation:
    """Send one request. The response is streamed when the caller asks for a stream."""
    headers = drop_none(**{name: job.options.get(key) for name, key in _ACCOUNT_HEADERS.items()})
    request = ProviderRequest(
        "POST", "/images/edits", headers=headers, **build_body(job, {"model": job.model})
    )
    return (yield from request_images(request))


def parse_error(response: ProviderResponse) -> ParsedError:
    """Return the parsed error, by its `code`. The type image_generation_user_error covers typos and refusals alike."""
    payload = mapping_or_empty(response.json())
    # OpenAI-compatible servers also send the error as the whole body.
    return parse_openai_error(response.status, payload.get("error") or payload)


def read_shutdown_dates(response: ProviderResponse) -> dict[str, date | None]:
    """Return the `shutdown_date` of each model in the list of models, as openai-python 3.57.0 documents it."""
    models = [
        mapping_or_empty(model) for model in mapping_or_empty(response.json()).get("data", [])
    ]
    return {
        str(model.get("id")): date.fromisoformat(str(text)[:10]) if text else None
        for model in models
        if "shutdown_date" in model
        for text in (model["shutdown_date"],)
    }


PROVIDER = Provider(
    name="openai",
    title="OpenAI",
    docs_url="https://platform.openai.com/docs/api-reference/images/createEdit",
    env_prefix="OPENAI",
    base_url="https://api.openai.com/v1",
    settings=("organization", "project"),
    vendor_variables={
        "base_url": ("OPENAI_API_BASE",),
        "organization": ("OPENAI_ORG_ID",),
        "project": ("OPENAI_PROJECT_ID",),
    },
    portkey_settings={
        "openai-organization": "organization",
        "openai-project": "project",
        "openai-beta": "beta",
    },
    header_prefixes=("openai-",),
    auth=Auth("Authorization", "Bearer "),
    edit_flow=edit,
    parse_error=parse_error,
    health_check=ProviderRequest("GET", "/models", idempotent=True),
    read_shutdown_dates=read_shutdown_dates,
    default_model="dall-e-2",
    models=(
        gpt_image_model("gpt-image-2.6-sunburst", GPT_IMAGE_2_6_PARAMS, GPT_IMAGE_2_6_PRICE),
        gpt_image_model("gpt-image-2.6-flare", GPT_IMAGE_2_6_PARAMS, GPT_IMAGE_2_6_PRICE),
        gpt_image_model("gpt-image-2.5-sunburst", GPT_IMAGE_2_5_PARAMS, GPT_IMAGE_2_5_PRICE),
        gpt_image_model(
            "gpt-image-2.5-sunburst-2026-09-08", GPT_IMAGE_2_5_PARAMS, GPT_IMAGE_2_5_PRICE
        ),
        gpt_image_model("gpt-image-2.5-flare", GPT_IMAGE_2_5_PARAMS, GPT_IMAGE_2_5_PRICE),
        gpt_image_model(
            "gpt-image-2.5-flare-2026-09-08", GPT_IMAGE_2_5_PARAMS, GPT_IMAGE_2_5_PRICE
        ),
        gpt_image_model("gpt-image-2", GPT_IMAGE_2_PARAMS),
        gpt_image_model("gpt-image-2-2026-04-21", GPT_IMAGE_2_PARAMS),
        gpt_image_model("gpt-image-1.5", GPT_IMAGE_1_PARAMS, GPT_IMAGE_1_5_PRICE),
        gpt_image_model("gpt-image-1.5-2025-12-16", GPT_IMAGE_1_PARAMS, GPT_IMAGE_1_5_PRICE),
        gpt_image_model(
            "gpt-image-1-mini",
            {**GPT_IMAGE_1_PARAMS, "input_fidelity": EnumParam(("low",))},
            GPT_IMAGE_1_MINI_PRICE,
        ),
        gpt_image_model("chatgpt-image-latest", GPT_IMAGE_1_PARAMS, GPT_IMAGE_1_5_PRICE),
        gpt_image_model("gpt-image-1", GPT_IMAGE_1_PARAMS, GPT_IMAGE_1_PRICE),
        DALL_E_2,
    ),
)
