"""Black Forest Labs. https://docs.bfl.ai

Facts from the vendor's pages as of 2026-11. Peculiarities:
- Images are bare base64.
- The image field is `input_image`, but `image` in requests with a mask.
- The response to an edit request contains the URL to poll. It is on a regional host that requires the key.
- The result is on yet another host, which does not require the key.
- A bad key is a 403. An account without credits is a 402.
- FLUX.2 is priced by area. The response to an edit request states the `cost`, and the finished task repeats it.
- FLUX 3 Image takes its pictures as a list, and it searches the web with the prompt unless `grounding` is false. The
  prompt then leaves to search engines and results cannot be repeated, so `grounding` is false unless the caller asks.
- Erase takes no prompt. It removes a ring of 10 pixels around the mask unless `dilate_pixels` says otherwise. The
  gateway restores the pixels around the mask, so it asks for no ring.
- Not offered: Outpainting and Deblur of `flux-tools`, whose prices no source states, and FLUX 3 Image Klein, whose path
  is not confirmed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from retouch.core.capabilities import (
    SOFT_WHITE_MASK,
    Auth,
    ErrorKind,
    ModelCapabilities,
    OperationMatch,
    ParsedError,
    Price,
    Provider,
    SizeLimits,
)
from retouch.core.parameters import (
    UNSENT_USER,
    BoolParam,
    EnumParam,
    FloatParam,
    IntParam,
    StringParam,
)
from retouch.core.provider_protocol import (
    Conversation,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.core.sizes import AspectRatios, SameAsInput, SizeRange, parse_size
from retouch.core.text.error_text import error_message
from retouch.providers._shared.flux import (
    COMMON_PARAMS,
    SIZE_LIMITS,
    fetch_task_result,
    kontext_model,
    request_fields,
    task_cost_micro_dollars,
)
from retouch.providers._shared.response_parsing import find_object
from retouch.providers._shared.task_locations import find_task_id, own_task_url

KEY_HOSTS = ("api.bfl.ai", "api.*.bfl.ai")
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
FLUX_3_MODEL, ERASE_PATH, EXPAND_PATH = (
    "flux-3-image",
    "flux-tools/erase-v1",
    "flux-pro-1.0-expand",
)
FLUX_3_RATIOS = (
    *("21:9", "2:1", "16:9", "3:2", "7:5", "4:3", "5:4", "1:1"),
    *("4:5", "3:4", "5:7", "2:3", "9:16", "1:2", "9:21"),
)
# resolution -> the edge of a square image in pixels, and the price of an image in US dollars
FLUX_3_TIERS = {"768sq": 768, "1k": 1024, "1.5k": 1536, "2k": 2048, "4k": 4096}
FLUX_3_PRICES = {"768sq": 0.041, "1k": 0.048, "1.5k": 0.07, "2k": 0.10, "4k": 0.607}
EXPAND_EDGES = ("top", "bottom", "left", "right")
OUTPUT_FORMATS = ("png", "jpeg", "webp")


def edit(job: ProviderJob) -> Conversation:
    """Submit one task and poll it at the URL that the response contains, or else at the documented path."""
    response = yield ProviderRequest("POST", f"/{job.model}", json=build_body(job))
    document = response.json()
    task = find_object(document, "polling_url")
    url = own_task_url(task.get("polling_url"), job.options["base_url"], KEY_HOSTS)
    poll_request = ProviderRequest("GET", url or _result_path(document))
    return [(yield from fetch_task_result(poll_request, task_cost_micro_dollars(task)))]


def _result_path(document: Any) -> str:
    return f"/get_result?id={quote(find_task_id(document, 'id'), safe='')}"


def build_body(job: ProviderJob) -> dict[str, Any]:
    """Return the request body. The image fields differ between the models."""
    first_image, *other_images = (image.to_base64() for image in job.images)
    if job.model == FLUX_3_MODEL:
        images = [first_image, *other_images]
        return {"prompt": job.prompt, "grounding": False, **job.params, "images": images}
    if job.model == ERASE_PATH:
        fields = {name: value for name, value in request_fields(job).items() if name != "prompt"}
        return {"dilate_pixels": 0, **fields, "image": first_image, **_mask_field(job)}
    if job.model == EXPAND_PATH:
        fields = request_fields(job)
        if not job.prompt:
            del fields["prompt"]
        return {**fields, "image": first_image}
    json_body = _request_fields_with_size(job)
    if job.mask_file:
        return {**json_body, "image": first_image, **_mask_field(job)}
    numbered_images = {f"input_image_{number}": text for number, text in enumerate(other_images, 2)}
    return {**json_body, "input_image": first_image, **numbered_images}


def _request_fields_with_size(job: ProviderJob) -> dict[str, Any]:
    """Return the fields other than the images. A size is sent as two fields, and `auto` is not sent."""
    fields = request_fields(job)
    if size := parse_size(fields.pop("size", "")):
        fields.update(width=size[0], height=size[1])
    return fields


def _mask_field(job: ProviderJob) -> dict[str, str]:
    return {"mask": job.mask_file.to_base64()} if job.mask_file else {}


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
FLUX_3_IMAGE = ModelCapabilities(
    id=FLUX_3_MODEL,
    max_images=10,
    max_image_bytes=20_000_000,
    size_limits=SizeLimits(min_edge=256, max_pixels=16_000_000),
    max_n_per_call=1,
    params={
        "size": AspectRatios(FLUX_3_RATIOS, FLUX_3_TIERS),
        "aspect_ratio": EnumParam(FLUX_3_RATIOS),
        "resolution": EnumParam(tuple(FLUX_3_TIERS)),
        "grounding": BoolParam(),
        "safety_tolerance": IntParam(0, 4),
        "user": UNSENT_USER,
    },
    output_formats=(),
    supports_compression=False,
    follows_instructions=True,
    price=Price(
        per_image=FLUX_3_PRICES["1k"],
        deciding_param="resolution",
        per_image_by_value=FLUX_3_PRICES,
        source="docs.bfl.ai by way of four gateways, 2026-11; 1.5k is derived",
    ),
)
ERASE = ModelCapabilities(
    id="erase",
    upstream_name=ERASE_PATH,
    operation="erase",
    max_image_bytes=20_000_000,
    size_limits=SIZE_LIMITS,
    requires_opaque=True,
    prompt_mode="unread",
    max_n_per_call=1,
    mask_format=SOFT_WHITE_MASK,
    requires_mask=True,
    params={
        "size": SameAsInput(),
        "dilate_pixels": IntParam(0, 25),
        "safety_tolerance": IntParam(0, 5),
        **COMMON_PARAMS,
        "user": USER_PARAM,
    },
    output_formats=OUTPUT_FORMATS,
    supports_compression=False,
    price=Price(0.03, 0.004, source=PRICE_SOURCE),
)
OUTPAINT = ModelCapabilities(
    id="outpaint",
    upstream_name=EXPAND_PATH,
    operation="outpaint",
    operation_match=OperationMatch(any_params=EXPAND_EDGES),
    max_image_bytes=20_000_000,
    size_limits=SIZE_LIMITS,
    requires_opaque=True,
    prompt_mode="optional",
    changes_geometry=True,
    max_n_per_call=1,
    params={
        **dict.fromkeys(EXPAND_EDGES, IntParam(0, 2048)),
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
    key_hosts=KEY_HOSTS,
    edit_flow=edit,
    parse_error=parse_error,
    health_check=ProviderRequest("GET", "/credits", idempotent=True),
    default_model="flux-2-pro",  # its maker recommends FLUX.2 over Kontext for edits
    models=(
        bfl_kontext_model("flux-kontext-pro", 0.04),
        bfl_kontext_model("flux-kontext-max", 0.08),
        FLUX_PRO_FILL,
        flux_2_model("flux-2-pro", 0.03, 0.015),
        flux_2_model("flux-2-max", 0.07, 0.03),
        flux_2_model("flux-2-flex", 0.05, 0.05),
        flux_2_model("flux-2-klein-9b", 0.015, 0.002, max_images=4),
        flux_2_model("flux-2-klein-4b", 0.014, 0.001, max_images=4),
        FLUX_3_IMAGE,
        ERASE,
        OUTPAINT,
    ),
)
