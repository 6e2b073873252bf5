"""Stability's image services on AWS Bedrock. https://docs.aws.amazon.com/bedrock/latest/userguide/stable-image-services.html

Facts from botocore 1.44.5 and AWS's pages, as of 2026-11. Images are bare base64 in JSON. The services are called by
their US inference profile, whose id is a model id here too. A filtered edit is a success without an image. A response
of over 16 MiB fails after the work was done. An exhausted quota is a 400. A retired model is a 404 whose message may
read like a missing permission. Amazon's own Titan and Nova editors are shut down. Their ids stay for the clients that
still send them. If a request selects no other operation, `edit` is SD 3.5 image-to-image, by default at strength 0.7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from retouch.core.capabilities import (
    SOFT_WHITE_MASK,
    Auth,
    ModelCapabilities,
    ParsedError,
    Price,
    Provider,
    ProviderFailure,
)
from retouch.core.edit_types import GeneratedImage
from retouch.core.parameters import (
    EnumParam,
    FloatParam,
    IntParam,
    NotForwarded,
    ParameterSpec,
    StringParam,
)
from retouch.core.provider_protocol import (
    Conversation,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.core.sizes import SameAsInput
from retouch.providers._shared.request_building import validate_label
from retouch.providers._shared.response_parsing import (
    find_base64,
    find_object,
    items_or_empty,
    list_or_empty,
    mapping_or_empty,
    text_or_empty,
)
from retouch.providers._shared.stability import (
    CONTROL_PARAMS,
    DEFAULT_STRENGTH,
    FRACTION,
    GROW_MASK,
    OUTPAINT_PARAMS,
    RATIO_PARAMS,
    REMOVE_BACKGROUND_PARAMS,
    SEARCH_PARAMS,
    SIZE_PARAMS,
    STYLE_PARAMS,
    TEXT,
    TRANSFER_PARAMS,
    edit_model,
    image_files,
    moderation_error,
    operation_model,
    text_fields,
)

DEFAULT_REGION = "us-west-2"  # the only region with the image services that has SD 3.5 too
# Of image files: 24,000,000 as base64; the limit of the whole body is 25,000,000.
MAX_REQUEST_BYTES = 18_000_000
MAX_RESPONSE_BYTES = 16_777_216
_MAX_PNG_PIXELS = 4_000_000  # a larger PNG may exceed the limit: 3 bytes a pixel, plus base64
_WEBP_OPERATIONS = (
    "outpaint",
    "inpaint",
    "erase",
)  # these return WebP if a PNG may exceed the limit
_PRICE_SOURCE = "AWS's price list by way of litellm 1.109.1"
_NOT_ENABLED_PATTERN = re.compile(r"access to the model|model access is denied", re.IGNORECASE)
_UNPAID_PATTERN = re.compile(r"payment[ _]instrument", re.IGNORECASE)
_RETIRED_PATTERN = re.compile(r"end of its life|marked by provider as legacy", re.IGNORECASE)


def edit(job: ProviderJob) -> Conversation:
    """Send one request. The colon in a model id is escaped in the path."""
    path = f"/model/{quote(job.model, safe='')}/invoke"
    response = yield ProviderRequest(
        "POST", path, json=_build_body(job), headers={"Accept": "application/json"}
    )
    payload = find_object(response.json(), "images")
    _check_finish_reasons(payload)
    images = map(find_base64, items_or_empty(payload["images"]))
    return [GeneratedImage(b64=image) for image in images if image]


def _build_body(job: ProviderJob) -> dict[str, Any]:
    operation = _OPERATION_BY_MODEL_ID[job.model]
    files = {name: file.to_base64() for name, file in image_files(job, operation).items()}
    fields = text_fields(job, operation)
    if operation == "image-to-image":
        fields = {"mode": operation, "strength": DEFAULT_STRENGTH, **fields}
    if operation in _WEBP_OPERATIONS and _result_pixels(job) > _MAX_PNG_PIXELS:
        fields = {"output_format": "webp", **fields}
    return {**files, **fields}


def _result_pixels(job: ProviderJob) -> int:
    """Return the number of pixels of the result. Only outpainting changes the size of the image."""
    image, edges = job.images[0], job.params
    width = image.width + edges.get("left", 0) + edges.get("right", 0)
    height = image.height + edges.get("up", 0) + edges.get("down", 0)
    return int(width * height)


def _check_finish_reasons(payload: Mapping[str, Any]) -> None:
    """Raise ProviderFailure when a success carries a failure, e.g. "Filter reason: prompt" or "Inference error"."""
    reason = next(
        filter(None, map(text_or_empty, list_or_empty(payload.get("finish_reasons")))), ""
    )
    if reason.startswith("Filter reason"):
        stage = "output" if "output" in reason else "input"
        raise ProviderFailure(
            moderation_error(f"The safety filter refused the edit. {reason}.", stage)
        )
    if reason and not find_base64(payload.get("images")):
        raise ProviderFailure(ParsedError("failed", f"AWS Bedrock ended the edit: {reason}."))


def parse_error(response: ProviderResponse) -> ParsedError:
    """Return the parsed error. A header has its type, followed by a URL. The body has only the message."""
    error = response.headers.get("x-amzn-errortype", "").partition(":")[0]
    payload = mapping_or_empty(response.json())
    message = text_or_empty(payload.get("message")) or text_or_empty(payload.get("Message"))
    if _UNPAID_PATTERN.search(message) or (response.status == 429 and "per day" in message.lower()):
        return ParsedError("out_of_quota", message)
    if response.status == 403:
        return ParsedError(
            "no_such_model" if _NOT_ENABLED_PATTERN.search(message) else "auth", message
        )
    if response.status == 404:
        hint = "AWS has retired the model. " if _RETIRED_PATTERN.search(message) else ""
        return ParsedError("no_such_model", hint + message)
    if error == "ServiceQuotaExceededException":
        return ParsedError("out_of_quota", message)
    if error == "ModelNotReadyException":
        return ParsedError("not_started", message)
    is_too_large = str(MAX_RESPONSE_BYTES) in message
    return ParsedError("", message, billed="unknown" if is_too_large else None)


def resolve_base_url(options: Mapping[str, str]) -> str:
    """Return the runtime endpoint of the configured or default region. Raises InvalidRequest for an invalid name."""
    region = validate_label(
        options.get("region", DEFAULT_REGION), "aws-region", "a region like us-west-2"
    )
    return f"https://bedrock-runtime.{region}.amazonaws.com"


def _model(
    name: str, upstream: str, params: Mapping[str, ParameterSpec], usd: float
) -> ModelCapabilities:
    user_param = {"user": NotForwarded(StringParam(512), "AWS Bedrock has no such field")}
    model = operation_model(
        name, {**params, **user_param}, Price(per_image=usd, source=_PRICE_SOURCE)
    )
    return replace(model, upstream_name=upstream, max_request_bytes=MAX_REQUEST_BYTES)


def _retired_model(name: str, max_prompt_chars: int = 1024) -> ModelCapabilities:
    """Return the limits and parameters of a retired model, as far as its successor can support them."""
    return ModelCapabilities(
        id=name,
        prompt_mode="optional",
        max_prompt_chars=max_prompt_chars,
        max_n=5,
        mask_format=SOFT_WHITE_MASK,
        params={
            "size": SameAsInput(),
            "quality": EnumParam(("standard", "premium")),
            "negative_prompt": StringParam(max_prompt_chars),
            "seed": IntParam(0, 2_147_483_646),
        },
    )


_REMOVE_BACKGROUND = _model(
    "remove-background",
    "us.stability.stable-image-remove-background-v1:0",
    REMOVE_BACKGROUND_PARAMS,
    0.07,
)
_IMAGE_TO_IMAGE = _model(
    "image-to-image",
    "stability.sd3-5-large-v1:0",
    {**SIZE_PARAMS, "negative_prompt": TEXT, "strength": FRACTION},
    0.08,
)
_CONTROL_STYLE: Mapping[str, ParameterSpec] = {
    **RATIO_PARAMS,
    "negative_prompt": TEXT,
    "fidelity": FRACTION,
}
_OPERATION_MODELS = (
    _model(
        "inpaint",
        "us.stability.stable-image-inpaint-v1:0",
        {**SIZE_PARAMS, **STYLE_PARAMS, "grow_mask": GROW_MASK},
        0.07,
    ),
    _model(
        "erase",
        "us.stability.stable-image-erase-object-v1:0",
        {**SIZE_PARAMS, "grow_mask": GROW_MASK},
        0.07,
    ),
    _model(
        "outpaint",
        "us.stability.stable-outpaint-v1:0",
        {**OUTPAINT_PARAMS, "creativity": FloatParam(0.1, 1)},
        0.06,
    ),
    _model(
        "search-and-replace",
        "us.stability.stable-image-search-replace-v1:0",
        {**SEARCH_PARAMS, "search_prompt": TEXT},
        0.07,
    ),
    _model(
        "search-and-recolor",
        "us.stability.stable-image-search-recolor-v1:0",
        {**SEARCH_PARAMS, "select_prompt": TEXT},
        0.07,
    ),
    # AWS lists JPEG too, but JPEG would lose the transparency that this operation creates.
    replace(_REMOVE_BACKGROUND, output_formats=("png", "webp")),
    # It is not certain that the model can return WebP.
    replace(_IMAGE_TO_IMAGE, output_formats=("png", "jpeg")),
    _model("control-sketch", "us.stability.stable-image-control-sketch-v1:0", CONTROL_PARAMS, 0.07),
    _model(
        "control-structure",
        "us.stability.stable-image-control-structure-v1:0",
        CONTROL_PARAMS,
        0.07,
    ),
    _model("control-style", "us.stability.stable-image-style-guide-v1:0", _CONTROL_STYLE, 0.07),
    _model("style-transfer", "us.stability.stable-style-transfer-v1:0", TRANSFER_PARAMS, 0.08),
)
_OPERATION_BY_MODEL_ID = {card.upstream_name: card.operation for card in _OPERATION_MODELS}
PROVIDER = Provider(
    name="bedrock",
    title="AWS Bedrock",
    docs_url="https://docs.aws.amazon.com/bedrock/latest/userguide/stable-image-services.html",
    env_prefix="BEDROCK",
    settings=("region",),
    # AWS_REGION is the region of the function, which Lambda sets: the models may be in another one.
    vendor_variables={
        "api_key": ("AWS_BEARER_TOKEN_BEDROCK",),
        "region": ("AWS_REGION_NAME",),
        "base_url": ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME",),
    },
    resolve_base_url=resolve_base_url,
    portkey_settings={"aws-region": "region"},
    header_prefixes=("aws-", "amz-"),
    refused_headers={
        "aws-role-arn": "Send a Bedrock API key of your own, or let the gateway's own role pay."
    },
    auth=Auth("Authorization", "Bearer ", identity="aws", scope="bedrock"),
    edit_flow=edit,
    parse_error=parse_error,
    default_model="edit",
    models=(
        edit_model(_OPERATION_MODELS),
        *_OPERATION_MODELS,
        _retired_model("amazon.nova-canvas-v1:0"),
        _retired_model("amazon.titan-image-generator-v2:0", max_prompt_chars=512),
        _retired_model("amazon.titan-image-generator-v1", max_prompt_chars=512),
    ),
)
