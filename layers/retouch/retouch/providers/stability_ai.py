"""Stability AI's REST services. https://platform.stability.ai/docs/api-reference

Facts from Stability's OpenAPI document (2026-08), as of 2026-11. Requests are multipart only. A filtered result is a
success with a blurred image. A 403 is moderation, not a wrong key. Too many requests lock the account out for a minute,
and no header says so. The form has `down`, though the page's example has `bottom`. Replacing the background is
asynchronous. Its second image is the new background, its third image is the light. If the request selects no other
operation, `edit` is SD 3.5 image-to-image. Its default strength is 0.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from retouch.core.capabilities import (
    Auth,
    ModelCapabilities,
    ParsedError,
    Price,
    Provider,
    ProviderFailure,
)
from retouch.core.edit_types import GeneratedImage
from retouch.core.errors import InvalidRequest
from retouch.core.parameters import (
    BoolParam,
    EnumParam,
    FloatParam,
    IntParam,
    ParameterSpec,
    StringParam,
)
from retouch.core.provider_protocol import (
    Conversation,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.core.text.error_text import error_message as sentence
from retouch.providers._shared.request_building import poll, to_form_value
from retouch.providers._shared.response_parsing import (
    find_base64,
    find_object,
    mapping_or_empty,
    response_image,
    text_or_empty,
)
from retouch.providers._shared.stability import (
    ANY_RATIO_LIMITS,
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
from retouch.providers._shared.task_locations import find_task_id

RELIGHT_MODEL = "replace-background-and-relight"
ULTRA_MODEL = "ultra"
MAX_REQUEST_BYTES = 10_400_000  # of image files; the limit of the whole request is 10 MiB
LOCKOUT_SECONDS = 60.0  # seconds without access after more than 150 requests in 10 seconds
POLL_SECONDS = 10.0  # seconds; the provider does not allow polling more often
_JSON_HEADERS = {"Accept": "application/json"}
_USER_HEADER = "stability-client-user-id"
_CLIENT_HEADERS = ("stability-client-id", _USER_HEADER, "stability-client-version")
_PRICE_SOURCE = "Stability's OpenAPI document, 2026-08: credits of $0.01"
_IN_PROGRESS_STATUS = 202
_UNPAID_NAMES = ("payment_required", "insufficient_balance")
_SUCCESS, _ERROR = "SUCCESS", "ERROR"
# of the API and of the proxies in front of it; the edit may go on behind them
_TIMEOUT_STATUSES = (408, 499, 504, 520, 522, 524, 598, 599)
# the names that the result field has had, and those of similar services
_RESULT_FIELDS = ("image", "result", "base64", "artifacts", "images", "output", "data")
_PATH_BY_MODEL = {
    "control-sketch": "control/sketch",
    "control-structure": "control/structure",
    "control-style": "control/style",
    "style-transfer": "control/style-transfer",
    ULTRA_MODEL: "generate/ultra",
}


def edit(job: ProviderJob) -> Conversation:
    """Send one request. A new background is then polled until it is ready."""
    response = yield _build_request(job)
    if image := response_image(response):
        return [image]
    if job.model != RELIGHT_MODEL:
        return [_parse_image(find_object(response.json(), "finish_reason"))]
    result_path = f"/v2beta/results/{quote(find_task_id(response.json(), 'id'), safe='')}"
    result = yield from poll(
        ProviderRequest("GET", result_path, headers=_JSON_HEADERS),
        _read_result,
        bool,
        interval_seconds=POLL_SECONDS,
    )
    return [_parse_image(result)]


def _build_request(job: ProviderJob) -> ProviderRequest:
    fields = text_fields(job, job.model)
    headers = {**_JSON_HEADERS, **_client_headers(job, fields.pop("user", None))}
    if job.model.startswith("sd3"):
        path = "generate/sd3"
        fields = {
            "mode": "image-to-image",
            "model": job.model,
            "strength": DEFAULT_STRENGTH,
            **fields,
        }
    else:
        path = _PATH_BY_MODEL.get(job.model, f"edit/{job.model}")
    if job.model == RELIGHT_MODEL:
        _check_light_strength(job)
    if job.model == ULTRA_MODEL:
        fields = {"strength": DEFAULT_STRENGTH, **fields}
    files = image_files(job, job.model).items()
    return ProviderRequest(
        "POST",
        f"/v2beta/stable-image/{path}",
        form_fields=tuple((name, to_form_value(value)) for name, value in fields.items()),
        files=tuple((name, f"{name}.{image.format}", image) for name, image in files),
        headers=headers,
    )


def _client_headers(job: ProviderJob, user: object) -> dict[str, str]:
    """Return the headers that identify the client and its user. Raises InvalidRequest for two users."""
    caller_headers = {name: job.options[name] for name in _CLIENT_HEADERS if job.options.get(name)}
    if user and _USER_HEADER in caller_headers:
        raise InvalidRequest(
            f"'user' and x-portkey-{_USER_HEADER} set the same header for Stability AI. Send one of them.",
            param="user",
        )
    return {**caller_headers, **({_USER_HEADER: _hash_user(user)} if user else {})}


def _check_light_strength(job: ProviderJob) -> None:
    """Raise InvalidRequest when the request has a light strength but no light."""
    has_light = "light_source_direction" in job.params or len(job.images) > 2
    if "light_source_strength" in job.params and not has_light:
        raise InvalidRequest(
            "'light_source_strength' needs a light: send 'light_source_direction' or a third image as its reference.",
            param="light_source_strength",
        )


def _hash_user(user: object) -> str:
    """Return a hash of the user. It is stable, is valid in a header, and hides the caller's name for the user."""
    return sha256(str(user).encode()).hexdigest()


def _read_result(response: ProviderResponse) -> Mapping[str, Any]:
    """Return the finished result, or an empty mapping while the edit is in progress.

    Raises an error when the response is neither.
    """
    if image := response_image(response):
        return {_RESULT_FIELDS[0]: image.to_base64()}
    if response.status == _IN_PROGRESS_STATUS and not _has_image(response):
        return {}
    payload = find_object(response.json(), "finish_reason")
    if payload.get("status") == "in-progress":
        return {}
    if _finish_reason(payload) == _SUCCESS and not _find_image(payload):
        raise ValueError("a success without an image")
    return payload


def _has_image(response: ProviderResponse) -> bool:
    """Return whether a response with the status of an edit in progress has its image all the same."""
    try:
        return bool(_find_image(find_object(response.json(), "finish_reason")))
    except ValueError:
        return False


def _parse_image(payload: Mapping[str, Any]) -> GeneratedImage:
    """Return the image, whichever name its field has. Raises ProviderFailure for a filtered (blurred) or failed one.

    An image is paid for, so it is returned with a reason that is not documented too.
    """
    reason, image = _finish_reason(payload), _find_image(payload)
    if "FILTER" in reason:
        # Stability does not say whether a filtered image is billed.
        raise ProviderFailure(
            moderation_error("Stability AI filtered the finished image.", "output")
        )
    if reason == _ERROR or (reason != _SUCCESS and not image):
        raise ProviderFailure(ParsedError("failed", f"Stability AI ended the edit with {reason}."))
    if not image:
        raise ValueError("a success without an image")
    return GeneratedImage(b64=image)


def _finish_reason(payload: Mapping[str, Any]) -> str:
    return text_or_empty(payload.get("finish_reason")).upper() or _SUCCESS


def _find_image(payload: Mapping[str, Any]) -> str:
    """Return the image in the first result field that has one, or ""."""
    return find_base64([payload.get(name) for name in _RESULT_FIELDS])


def parse_error(response: ProviderResponse) -> ParsedError:
    """Return the parsed error by its `name`. Stability bills successful edits only, so its errors are not billed.

    A redirect and a timeout do not say how the edit ended.
    """
    if response.status == 429:
        return _rate_limit_error(response)
    payload = response.json()
    name, message = payload["name"], sentence(payload.get("errors")) or sentence(payload)
    if name in _UNPAID_NAMES:
        return ParsedError("out_of_quota", message)
    if name in ("content_moderation", "public_figure"):
        return moderation_error(message or "The safety system refused the request.", "input", name)
    if name == "invalid_language":
        return ParsedError("refused", message, name, "prompt")
    is_outcome_known = response.status >= 400 and response.status not in _TIMEOUT_STATUSES
    return ParsedError("", message, billed="no" if is_outcome_known else "unknown")


# The reference limits the aspect ratio of these operations only.
_RATIO_LIMITED_OPERATIONS = ("outpaint", "search-and-replace", "search-and-recolor")


def _rate_limit_error(response: ProviderResponse) -> ParsedError:
    """Return the error for a 429, which may be a page. The routes of version 1 also send it for an empty account."""
    try:
        payload = response.json()
    except ValueError:
        payload = None
    if mapping_or_empty(payload).get("name") in _UNPAID_NAMES:
        return ParsedError("out_of_quota", sentence(payload))
    retry_delay = None if "retry-after" in response.headers else LOCKOUT_SECONDS
    return ParsedError("rate_limited", sentence(payload), retry_after=retry_delay)


def _model(
    name: str, params: Mapping[str, ParameterSpec], price_credits: float
) -> ModelCapabilities:
    price = Price(per_image=price_credits / 100, source=_PRICE_SOURCE)
    model = operation_model(name, {**params, "user": StringParam(512)}, price)
    limits = model.size_limits if name in _RATIO_LIMITED_OPERATIONS else ANY_RATIO_LIMITS
    return replace(model, size_limits=limits, max_request_bytes=MAX_REQUEST_BYTES)


def _sd35_model(name: str, price_credits: float, upstream: str) -> ModelCapabilities:
    """Return an SD 3.5 image-to-image model."""
    params = {**SIZE_PARAMS, **STYLE_PARAMS, "strength": FRACTION, "cfg_scale": FloatParam(1, 10)}
    return replace(
        _model(name, params, price_credits),
        upstream_name=upstream,
        output_formats=("png", "jpeg"),
        operation="image-to-image",
    )


_RELIGHT_PARAMS: Mapping[str, ParameterSpec] = {
    **SIZE_PARAMS,
    "foreground_prompt": TEXT,
    "negative_prompt": TEXT,
    "preserve_original_subject": FRACTION,
    "original_background_depth": FRACTION,
    "keep_original_background": BoolParam(),
    "light_source_direction": EnumParam(("left", "right", "above", "below")),
    "light_source_strength": FRACTION,
}
_OPERATION_MODELS = (
    _model("inpaint", {**SIZE_PARAMS, **STYLE_PARAMS, "grow_mask": IntParam(0, 100)}, 5),
    _model("erase", {**SIZE_PARAMS, "grow_mask": GROW_MASK}, 5),
    _model("outpaint", {**OUTPAINT_PARAMS, "creativity": FRACTION}, 4),
    _model("search-and-replace", {**SEARCH_PARAMS, "search_prompt": TEXT}, 5),
    _model("search-and-recolor", {**SEARCH_PARAMS, "select_prompt": TEXT}, 5),
    replace(
        _model("remove-background", REMOVE_BACKGROUND_PARAMS, 5),
        size_limits=replace(ANY_RATIO_LIMITS, max_pixels=4_194_304),
        output_formats=("png", "webp"),
    ),
    _sd35_model("image-to-image", 6.5, "sd3.5-large"),
)
PROVIDER = Provider(
    name="stability-ai",
    title="Stability AI",
    docs_url="https://platform.stability.ai/docs/api-reference",
    env_prefix="STABILITY",
    vendor_variables={"api_key": ("STABILITY_KEY",)},
    base_url="https://api.stability.ai",
    auth=Auth("Authorization", "Bearer "),
    portkey_settings={name: name for name in _CLIENT_HEADERS},
    header_prefixes=("stability-",),
    edit_flow=edit,
    parse_error=parse_error,
    health_check=ProviderRequest("GET", "/v1/user/balance", idempotent=True),
    default_model="edit",
    models=(
        edit_model(_OPERATION_MODELS),
        *_OPERATION_MODELS,
        _sd35_model("sd3.5-large", 6.5, "sd3.5-large"),
        _sd35_model("sd3.5-large-turbo", 4, "sd3.5-large-turbo"),
        _sd35_model("sd3.5-medium", 3.5, "sd3.5-medium"),
        _sd35_model("sd3.5-flash", 2.5, "sd3.5-flash"),
        replace(
            _model(ULTRA_MODEL, {**RATIO_PARAMS, **STYLE_PARAMS, "strength": FRACTION}, 8),
            size_limits=replace(ANY_RATIO_LIMITS, max_edge=16_384),
            operation="image-to-image",
        ),
        _model(RELIGHT_MODEL, _RELIGHT_PARAMS, 8),
        _model("control-sketch", CONTROL_PARAMS, 5),
        _model("control-structure", CONTROL_PARAMS, 5),
        _model("control-style", {**RATIO_PARAMS, **STYLE_PARAMS, "fidelity": FRACTION}, 5),
        _model("style-transfer", TRANSFER_PARAMS, 8),
    ),
)
