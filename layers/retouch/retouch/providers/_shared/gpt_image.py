"""The images/edits requests and responses of the GPT image models. All hosts that serve them share this module.

Facts from openai-python 3.54.0 and OpenAI's pages as of 2026-11. Peculiarities:
- The media type of a file part must be the true one.
- `moderation` exists in the JSON form only.
- GPT image models return base64, never URLs.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from retouch.core.capabilities import ErrorKind, ParsedError, ProviderFailure
from retouch.core.edit_types import EncodedImage, GeneratedImage
from retouch.core.errors import InvalidRequest
from retouch.core.provider_protocol import (
    CompletedImage,
    Conversation,
    ConversationStep,
    PartialImage,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.core.text.error_text import error_message
from retouch.core.text.event_stream import is_event_stream, parse_sse_events
from retouch.providers._shared.request_building import drop_none, to_form_value
from retouch.providers._shared.response_parsing import (
    count_or_none,
    download_request,
    find_base64,
    find_object,
    find_result,
    image_base64,
    items_or_empty,
    list_or_empty,
    mapping_or_empty,
    result_url,
    text_or_empty,
)

_FAILURE_TYPE_ENDINGS = ("error", ".failed")  # of the `type` of an event
METADATA_FIELDS = ("background", "output_format", "quality", "size")
MAX_DATA_URL_BYTES = 15_728_000  # of one file; its data: URL then has at most 20,971,520 characters
QUOTA_CODES = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_usage_limit_exceeded",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
)
# More codes and types of accounts that cannot pay. The caller gets the usual code, insufficient_quota.
_BILLING_CODES = (
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_limit_user_error",
    "insufficient_balance",
    "exceeded_current_quota_error",
)
_KINDS_BY_TYPE: Mapping[str, ErrorKind] = {
    "insufficient_quota": "out_of_quota",
    "invalid_request_error": "refused",
    "image_generation_user_error": "refused",
    "rate_limit_error": "rate_limited",
    "requests": "rate_limited",
    "tokens": "rate_limited",
    "authentication_error": "auth",
}


def request_images(request: ProviderRequest) -> Conversation:
    """Send the request and parse the response: one JSON object or a stream of events, whichever the provider sends."""
    response = yield request
    if response.chunks is not None or is_event_stream(response.body):
        yield from stream_images(response)
        return []
    document = response.json()
    error = mapping_or_empty(document).get("error")
    if error and not document.get("data"):
        raise ProviderFailure(parse_openai_error(response.status, error))
    payload = find_object(document, "data")
    metadata = _metadata(payload)
    images: list[GeneratedImage] = []
    for item in items_or_empty(payload["data"]):
        images += yield from _images_from_item(item, metadata)
    return images


def _images_from_item(
    item: Any, metadata: Mapping[str, Any]
) -> Generator[ConversationStep, ProviderResponse, list[GeneratedImage]]:
    """Return the image of one item of `data`, or an empty list when the item has none.

    A URL is fetched at once. DALL-E models and OpenAI-compatible servers send URLs. Every field may hold a data: URL,
    and an item may be the text itself.
    """
    fields = mapping_or_empty(item)
    revised_prompt = text_or_empty(fields.get("revised_prompt")) or None
    image = find_base64(item)
    url = "" if image else _stated_url(fields) or find_result(_drop_prompt(item))
    if not image and not url:
        return []
    data = b"" if image else (yield download_request(url)).body
    return [GeneratedImage(image, data, revised_prompt, metadata)]


def _stated_url(fields: Mapping[str, Any]) -> str:
    """Return the URL of an image. One that begins with a slash is a path at the host of the base URL."""
    text = text_or_empty(fields.get("url"))
    return text if text.startswith("/") else result_url(text) or text


def _drop_prompt(item: Any) -> Any:
    """Return the item without the prompt, whose text may contain a URL."""
    if not isinstance(item, Mapping):
        return item
    return {name: value for name, value in item.items() if name != "revised_prompt"}


def stream_images(
    response: ProviderResponse,
) -> Generator[ConversationStep, ProviderResponse, None]:
    """Yield the images in the provider's event stream. Events of other types (keep-alives, new types) are skipped.

    Raises ProviderFailure for an error event.
    """
    for event in parse_sse_events(response.chunks or [response.body]):
        if error := _event_error(event):
            raise ProviderFailure(parse_openai_error(200, error))
        yield from _event_images(event)


def _event_images(
    event: Mapping[str, Any],
) -> Generator[ConversationStep, ProviderResponse, None]:
    """Yield the preview or the finished images of one event. An event may also hold a whole JSON response."""
    event_type, metadata = text_or_empty(event.get("type")), _metadata(event)
    if event_type.endswith(".partial_image"):
        if preview := image_base64(event.get("b64_json")):
            index = count_or_none(event.get("partial_image_index")) or 0
            yield PartialImage(GeneratedImage(b64=preview, metadata=metadata), index)
        return
    items = items_or_empty(event.get("data"))
    if event_type.endswith(".completed") or _is_unknown_result(event):
        items = [event]
    for item in items:
        for image in (yield from _images_from_item(item, metadata)):
            yield CompletedImage(image)


def _is_unknown_result(event: Mapping[str, Any]) -> bool:
    """Return whether an event of a type that is not documented has an image. One with an index is a preview."""
    return bool(image_base64(event.get("b64_json"))) and "partial_image_index" not in event


def _event_error(event: Mapping[str, Any]) -> Any:
    """Return the error of an event, or None.

    It is in `error`, in `response.error`, or the event itself is the error: {"type": "error", "message": ...}.
    """
    nested = event.get("error") or mapping_or_empty(event.get("response")).get("error")
    is_failure = text_or_empty(event.get("type")).endswith(_FAILURE_TYPE_ENDINGS)
    return nested or (event if is_failure else None)


def _metadata(payload: Mapping[str, Any]) -> dict[str, Any]:
    return drop_none(
        **{name: text_or_empty(payload.get(name)) or None for name in METADATA_FIELDS},
        usage=mapping_or_empty(payload.get("usage")) or None,
    )


def build_body(job: ProviderJob, extra_fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request body as keyword arguments of ProviderRequest.

    The body is multipart. It is JSON when `moderation` is not "auto", because only the JSON form has that parameter.
    """
    params = {
        **extra_fields,
        "prompt": job.prompt,
        "n": job.n,
        **job.params,
        **drop_none(stream=True if job.stream else None),
    }
    if params.get("moderation", "auto") != "auto":
        return {"json": {**params, **_image_urls(job)}, "stream": job.stream}
    params.pop("moderation", None)
    fields = tuple((name, to_form_value(value)) for name, value in params.items())
    return {"form_fields": fields, "files": file_parts(job), "stream": job.stream}


def file_parts(job: ProviderJob) -> tuple[tuple[str, str, EncodedImage], ...]:
    """Return the file parts: `image` for one image, a repeated `image[]` for several. The official SDKs do the same."""
    name = "image" if len(job.images) == 1 else "image[]"
    parts = [(name, f"image{i}.{p.format}", p) for i, p in enumerate(job.images)]
    return (*parts, ("mask", "mask.png", job.mask_file)) if job.mask_file else tuple(parts)


def _image_urls(job: ProviderJob) -> dict[str, Any]:
    """Return the images and the mask as data: URLs. Raises InvalidRequest when an image is too large for that."""
    for image in job.images:  # a mask is always below the limit
        _check_data_url_size(image, job.params["moderation"])
    images = [{"image_url": p.to_data_url()} for p in job.images]
    mask = {"image_url": job.mask_file.to_data_url()} if job.mask_file else None
    return drop_none(images=images, mask=mask)


def _check_data_url_size(image: EncodedImage, moderation: str) -> None:
    if len(image.data) > MAX_DATA_URL_BYTES:
        raise InvalidRequest(
            f"An image has {len(image.data)} bytes. With moderation={moderation} it is sent as a data: URL, and the "
            f"limit is {MAX_DATA_URL_BYTES} bytes. Scale it down or compress it, or leave 'moderation' out.",
            param="image",
            code="image_file_too_large",
        )


def parse_openai_error(status: int, error_value: Any) -> ParsedError:
    """Return the parsed error of OpenAI's error object. An OpenAI-compatible server may send plain text instead."""
    error = mapping_or_empty(error_value)
    code, message = text_or_empty(error.get("code")) or None, error_message(error_value)
    if code in ("moderation_blocked", "content_policy_violation", "image_content_policy_violation"):
        return ParsedError("moderated", message, None, None, _moderation_details(error))
    error_type = text_or_empty(error.get("type"))
    if code in _BILLING_CODES or error_type in _BILLING_CODES:
        return ParsedError("out_of_quota", message)
    if code in QUOTA_CODES or error_type == "insufficient_quota":
        return ParsedError("out_of_quota", message, code)
    if code in ("server_is_overloaded", "slow_down") and status == 503:
        return ParsedError("not_started", message)
    if code == "invalid_api_key":
        return ParsedError("auth", message)
    # The status of a success says nothing about an error in it.
    kind = _KINDS_BY_TYPE.get(error_type, "") if status < 400 else ""
    return ParsedError(kind, message, code, text_or_empty(error.get("param")) or None)


def _moderation_details(error: Mapping[str, Any]) -> dict[str, Any]:
    details = mapping_or_empty(error.get("moderation_details"))
    if not details:
        return {}
    stage = text_or_empty(details.get("moderation_stage")) or "unknown"
    categories = list(filter(text_or_empty, list_or_empty(details.get("categories"))))
    return {"moderation_details": {**details, "moderation_stage": stage, "categories": categories}}
