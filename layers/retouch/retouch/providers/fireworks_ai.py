"""Fireworks AI, FLUX Kontext workflows. https://docs.fireworks.ai/api-reference/generate-or-edit-image-using-flux-kontext

Facts from the Fireworks pages as of 2026-04 and @ai-sdk/fireworks 3.0.62. The official SDK has had no images since
1.0. Peculiarities:
- One image, no mask.
- The adapter submits a task, polls it by POST and fetches the result from another host.
- The output is png or jpeg only.
- Errors have five shapes.
Whether the models are still served was not confirmed since 2026-04.
"""

from __future__ import annotations

from retouch.core.capabilities import Auth, ErrorKind, ParsedError, Price, Provider
from retouch.core.provider_protocol import (
    Conversation,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.core.text.error_text import error_message
from retouch.providers._shared.flux import fetch_task_result, kontext_model, request_fields
from retouch.providers._shared.task_locations import find_task_id

KIND_BY_STATUS: dict[int, ErrorKind] = {404: "no_such_model", 412: "suspended"}
PRICE_SOURCE = "litellm 1.109.1 model map (unconfirmed)"


def edit(job: ProviderJob) -> Conversation:
    """Submit one task and poll it. The poll is a POST, but it costs nothing."""
    workflow = f"/workflows/accounts/fireworks/models/{job.model}"
    body = {**request_fields(job), "input_image": job.images[0].to_data_url()}
    response = yield ProviderRequest("POST", workflow, json=body)
    task_id = find_task_id(response.json(), "request_id")
    poll_request = ProviderRequest("POST", f"{workflow}/get_result", json={"id": task_id})
    return [(yield from fetch_task_result(poll_request))]


def parse_error(response: ProviderResponse) -> ParsedError:
    """Return the parsed error.

    Its body is {"error": {...}}, {"error": "text"}, {"error_message": ...}, {"fault": ...} or {"detail": ...}.
    """
    return ParsedError(KIND_BY_STATUS.get(response.status, ""), error_message(response.json()))


PROVIDER = Provider(
    name="fireworks-ai",
    title="Fireworks AI",
    docs_url="https://docs.fireworks.ai/api-reference/generate-or-edit-image-using-flux-kontext",
    env_prefix="FIREWORKS",
    vendor_variables={"api_key": ("FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY")},
    base_url="https://api.fireworks.ai/inference/v1",
    auth=Auth("Authorization", "Bearer "),
    header_prefixes=("fireworks-",),
    edit_flow=edit,
    parse_error=parse_error,
    health_check=ProviderRequest("GET", "/models", idempotent=True),
    default_model="flux-kontext-pro",
    models=(
        kontext_model("flux-kontext-pro", 1, Price(0.04, source=PRICE_SOURCE)),
        kontext_model("flux-kontext-max", 1, Price(0.08, source=PRICE_SOURCE)),
    ),
)
