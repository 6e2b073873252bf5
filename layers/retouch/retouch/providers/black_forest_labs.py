"""Black Forest Labs. https://docs.bfl.ai

Facts from the vendor's pages as of 2026-11. Peculiarities:
- Images are bare base64.
- The image field is `input_image`, but `image` in requests with a mask.
- The response to an edit request contains the URL to poll. It is on a regional host that requires the key.
- The result is on yet another host, which does not require the key.
- A bad key is a 403. An account without credits is a 402.
- FLUX.2 is priced by area. The response to an edit request states the `cost`, and the finished task repeats it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from retouch.core.capabilities import (
    SOFT_WHITE_MASK,
    Auth,
    ErrorKind,
    ModelCapabilities,
    ParsedError,
    Price,
    Provider,
)
from retouch.core.parameters import FloatParam, IntParam, StringParam
from retouch.core.provider_protocol import (
    Conversation,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.core.sizes import SameAsInput, SizeRange, parse_size
from retouch.providers._shared.flux import (
    COMMON_PARAMS,
    SIZE_LIMITS,
    fetch_task_result,
    kontext_model,
    request_fields,
    task_cost_micro_dollars,
)
from retouch.providers._shared.response_parsing import error_message, find_object

KIND_BY_STATUS: dict[int, ErrorKind] = {403: "auth", 404: "no_such_model"}
PRICE_SOURCE = "docs.bfl.ai, 2026-11"
# Edges of 64 and more in steps of 16, up to 4 megapixels. The other limits follow from these.
FLUX_2_SIZES = SizeRange(
    edge_multiple=16,
    min_edge=64,
    max_edge=65_536,
    min_pixels=4096,
    max_pixels=4_194_304,
    max_aspect_ratio=1024,
)
USER_PARAM = StringParam(512)
OUTPUT_FORMATS = ("png", "jpeg", "webp")


def edit(job: ProviderJob) -> Conversation:
    """Submit one task and poll it at the URL that the response contains."""
    response = yield ProviderRequest("POST", f"/{job.model}", json=build_body(job))
    task = find_object(response.json(), "polling_url")
    poll_request = ProviderRequest("GET", task["polling_url"])
    return [(yield from fetch_task_result(poll_request, task_cost_micro_dollars(task)))]


def build_body(job: ProviderJob) -> dict[str, Any]:
    """Return the request body. A size is sent as two fields, and `auto` is not sent."""
    json_body = request_fields(job)
    if size := parse_size(json_body.pop("size", "")):
        json_body.update(width=size[0], height=size[1])
    first_image, *other_images = (image.to_base64() for image in job.images)
    if job.mask_file:
        return {**json_body, "image": first_image, "mask": job.mask_file.to_base64()}
    numbered_images = {f"input_image_{number}": text for number, text in enumerate(other_images, 2)}
    return {**json_body, "input_image": first_image, **numbered_images}


def parse_error(response: ProviderResponse) -> ParsedError:
    """Return the parsed error. Its body is {"detail": "text"}, or `detail` is FastAPI's list of objects."""
    return ParsedError(KIND_BY_STATUS.get(response.status, ""), error_message(response.json()))


def flux_2_model(
    name: str, first_megapixel: float, further_megapixel: float, max_images: int = 8
) -> ModelCapabilities:
    """Return the capabilities of a FLUX.2 model: several images, free sizes, no mask, a price by area."""
    return ModelCapabilities(
        id=name,
        max_images=max_images,
        max_image_bytes=20_000_000,
        size_limits=SIZE_LIMITS,
        max_n_per_call=1,
        params={
            "size": FLUX_2_SIZES,
            "safety_tolerance": IntParam(0, 5),
            **COMMON_PARAMS,
            "user": USER_PARAM,
        },
        output_formats=OUTPUT_FORMATS,
        supports_compression=False,
        follows_instructions=True,
        price=Price(first_megapixel, further_megapixel, source=PRICE_SOURCE),
    )


def bfl_kontext_model(name: str, price: float) -> ModelCapabilities:
    """Return the capabilities of a Kontext model as this host serves it."""
    model = kontext_model(name, 4, Price(price, source=PRICE_SOURCE))
    return replace(
        model, params={**model.params, "user": USER_PARAM}, output_formats=OUTPUT_FORMATS
    )


FLUX_PRO_FILL = ModelCapabilities(
    id="flux-pro-1.0-fill",
    max_image_bytes=20_000_000,
    size_limits=SIZE_LIMITS,
    requires_opaque=True,  # the provider would read transparency as a second mask
    max_n_per_call=1,
    mask_format=SOFT_WHITE_MASK,
    requires_mask=True,
    params={
        "size": SameAsInput(),
        "steps": IntParam(15, 50),
        "guidance": FloatParam(1.5, 100),
        **COMMON_PARAMS,
        "user": USER_PARAM,
    },
    output_formats=OUTPUT_FORMATS,
    supports_compression=False,
    price=Price(0.05, source=PRICE_SOURCE),
)
PROVIDER = Provider(
    name="black-forest-labs",
    title="Black Forest Labs",
    docs_url="https://docs.bfl.ai",
    env_prefix="BFL",
    base_url="https://api.bfl.ai/v1",
    auth=Auth("x-key"),
    key_hosts=("api.bfl.ai", "api.*.bfl.ai"),
    edit_flow=edit,
    parse_error=parse_error,
    health_check=ProviderRequest("GET", "/credits", idempotent=True),
    default_model="flux-kontext-pro",
    models=(
        bfl_kontext_model("flux-kontext-pro", 0.04),
        bfl_kontext_model("flux-kontext-max", 0.08),
        FLUX_PRO_FILL,
        flux_2_model("flux-2-pro", 0.03, 0.015),
        flux_2_model("flux-2-max", 0.07, 0.03),
        flux_2_model("flux-2-flex", 0.05, 0.05),
        flux_2_model("flux-2-klein-9b", 0.015, 0.002, max_images=4),
    ),
)
