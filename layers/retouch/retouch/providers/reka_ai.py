"""Reka, a vision chat model. https://docs.reka.ai/chat

Reka has no image endpoint and generates no images. Its model looks at the image and writes a plan, and Retouch applies
the plan (see _shared/planner/edit.py). Facts from reka-api 3.2.0 and Reka's pages as of 2026-11. Peculiarities:
- The endpoint is POST /chat, and the response has its replies in `responses` (plural).
- An image is a plain string in `image_url`, where OpenAI has an object.
- Media parts come before text.
- There is no JSON mode, so the prompt describes the form of the plan.
- The limits for images are not published, so a small JPEG is sent.
- "P001: Insufficient Balance" comes with a status that is not documented.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from retouch.core.capabilities import (
    DIRECT_MASK,
    Auth,
    ModelCapabilities,
    ParsedError,
    Price,
    Provider,
)
from retouch.core.edit_types import EncodedImage
from retouch.core.image_formats import INPUT_FORMATS
from retouch.core.parameters import EnumParam, IntParam, NotForwarded, StringParam
from retouch.core.provider_protocol import (
    Conversation,
    ConversationStep,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.core.sizes import SizeRange
from retouch.core.text.error_text import error_message
from retouch.imaging.operations.values import MAX_PIXELS
from retouch.providers._shared.planner.protocol import ChatMessages, PlannerReply
from retouch.providers._shared.response_parsing import (
    count_or_none,
    list_or_empty,
    mapping_or_empty,
    text_or_empty,
)

_MAX_TOKENS = 4096  # of a reply: a plan is short, but the model's thoughts may be long
_PRICE_SOURCE = "Reka's price page, 2026-11"


def edit(job: ProviderJob) -> Conversation:
    """Send one chat, or two when the first plan breaks a rule."""
    # Imported here, because the planner and its operations would add 20 ms to every cold start.
    from retouch.providers._shared.planner.edit import edit_by_plan

    return (yield from edit_by_plan(job, send_chat))


def upstream_images(job: ProviderJob) -> tuple[EncodedImage, ...]:
    """Return the images that are sent to the provider: only a small copy of the first image."""
    from retouch.providers._shared.planner import edit as _planner

    return _planner.upstream_images(job)


def send_chat(
    job: ProviderJob, messages: ChatMessages
) -> Generator[ConversationStep, ProviderResponse, PlannerReply]:
    """Send one chat and return the model's reply.

    The temperature is 0, so that the same request gets the same plan as far as the model allows.
    """
    body = {
        "messages": [_to_reka_message(message) for message in messages],
        "model": job.model,
        "stream": False,
        "max_tokens": _MAX_TOKENS,
        "temperature": 0.0,
    }
    response = yield ProviderRequest("POST", "/chat", json=body)
    payload = response.json()
    usage = mapping_or_empty(payload.get("usage"))
    reported_counts = {
        name: count_or_none(usage.get(name)) for name in ("input_tokens", "output_tokens")
    }
    counts = {name: count for name, count in reported_counts.items() if count is not None}
    return PlannerReply(_content_text(payload["responses"][0]["message"]["content"]), counts)


def parse_error(response: ProviderResponse) -> ParsedError:
    """Return the parsed error.

    Its body is OpenAI's error object or FastAPI's `detail`. `detail` is a sentence or a list of validation errors.
    """
    payload = mapping_or_empty(response.json())
    error = mapping_or_empty(payload.get("error"))
    message = error_message(payload)
    if "P001" in message or "insufficient balance" in message.lower():
        return ParsedError("out_of_quota", message)
    if error.get("type") == "authentication_error":
        return ParsedError("auth", message)
    if response.status == 404:
        return ParsedError("no_such_model", message)
    return ParsedError("", message, text_or_empty(error.get("code")) or None)


def _to_reka_message(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if not isinstance(content, str):
        content = [_to_reka_part(part) for part in content]
    return {"content": content, "role": message["role"]}


def _to_reka_part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part["type"] != "image_url":
        return dict(part)
    return {"type": "image_url", "image_url": part["image_url"]["url"]}


def _content_text(content: Any) -> str:
    """Return the text of a reply. By the SDK's types it may be in parts. The planner handles a reply without text."""
    if isinstance(content, str):
        return content
    return "".join(
        text_or_empty(mapping_or_empty(part).get("text")) for part in list_or_empty(content)
    )


def _reka_model(model_id: str, price: Price) -> ModelCapabilities:
    return ModelCapabilities(
        id=model_id,
        max_prompt_chars=8000,
        mask_format=DIRECT_MASK,
        upstream_formats=INPUT_FORMATS,  # the edit runs here; the model gets a JPEG copy
        may_return_transparency=True,
        changes_geometry=True,
        price=price,
        params={
            "size": SizeRange(
                edge_multiple=1,
                max_edge=8192,
                min_pixels=1,
                max_pixels=MAX_PIXELS,
                max_aspect_ratio=8192,
            ),
            "output_format": EnumParam(("png", "jpeg", "webp")),
            "output_compression": IntParam(0, 100),
            "user": NotForwarded(StringParam(512), "Reka has no such field"),
        },
    )


# For the copy of the image and the list of operations, twice: a plan that is not valid is asked for once more.
_MOST_TOKENS_IN = 20_000
_FLASH_PRICE = Price(
    per_call=0.003,
    text_in=0.8,
    image_in=0.8,
    image_out=2.0,
    most_tokens_in=_MOST_TOKENS_IN,
    most_tokens_out=2 * _MAX_TOKENS,
    source=_PRICE_SOURCE,
)
_EDGE_PRICE = Price(
    per_call=0.0004,
    text_in=0.1,
    image_in=0.1,
    image_out=0.1,
    most_tokens_in=_MOST_TOKENS_IN,
    most_tokens_out=2 * _MAX_TOKENS,
    source=_PRICE_SOURCE,
)

PROVIDER = Provider(
    name="reka-ai",
    title="Reka",
    docs_url="https://docs.reka.ai/chat",
    env_prefix="REKA",
    base_url="https://api.reka.ai/v1",
    auth=Auth("X-Api-Key"),
    edit_flow=edit,
    parse_error=parse_error,
    upstream_images=upstream_images,
    health_check=ProviderRequest("GET", "/models", idempotent=True),
    default_model="reka-flash",
    models=(
        _reka_model("reka-flash", _FLASH_PRICE),
        _reka_model("reka-core", Price()),
        _reka_model("reka-edge", _EDGE_PRICE),
        _reka_model("reka-edge-2603", _EDGE_PRICE),
    ),
    # Reka hosts other vision models too. It asks clients to list the models instead of assuming their names.
    deployment_template=_reka_model("", Price()),
)
