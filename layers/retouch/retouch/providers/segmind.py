"""Segmind, a catalogue of slugs. https://docs.segmind.com

Facts from segmind-python 1.3.0 and the vendor's pages as of 2026-11. Peculiarities:
- Every slug has its own schema (see _shared/segmind_models.py) and one of two API versions. v1 returns the image. v2
  returns a task to poll. SEGMIND_API_VERSION forces one version for all slugs.
- A failed task is a 422. An account without credits is a 406.
- A moderation error is known only by the words in its message.
- The wait after a 429 is in a header of Segmind's own.
- The price of a call is in the header `x-cost` (v1) or in `metrics.cost` of the result (v2).
Images are sent in the request. With SEGMIND_UPLOAD_URL (https://workflows-api.segmind.com/upload-asset), the adapter
uploads them first and sends their URLs, which every slug accepts. The files then stay at Segmind.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from retouch.core.capabilities import Auth, ErrorKind, ParsedError, Provider, ProviderFailure
from retouch.core.provider_protocol import (
    Conversation,
    ConversationStep,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.core.text.error_text import error_message
from retouch.providers._shared.request_building import poll
from retouch.providers._shared.response_parsing import (
    fetch_image,
    find_object,
    find_result,
    mapping_or_empty,
    micro_dollars_or_none,
    response_image,
    text_or_empty,
)
from retouch.providers._shared.segmind_models import MODELS, SLUG_SCHEMAS, SlugSchema
from retouch.providers._shared.task_locations import find_task_id, own_task_url
from retouch.providers._shared.task_states import is_failure, is_success, is_unknown

# Only whole words match: "safety_tolerance must be at most 6" is no refusal.
MODERATION_PATTERN = re.compile(r"\b(nsfw|safety|moderat(ion|ed)|flagged)\b", re.IGNORECASE)
QUOTA_PATTERN = re.compile(r"\b(credits?|spend(ing)?|balance|quota)\b", re.IGNORECASE)
# A failed task is a 422. A 500 is often an invalid parameter.
KIND_BY_STATUS: Mapping[int, ErrorKind] = {422: "failed", 500: "undetermined"}
NOT_SERVED_STATUSES = {404, 405, 410}  # unknown slug, not in this API version, retired
POLL_SECONDS = 1.0  # seconds between polls, as in the SDK
_OUTPUT_FIELDS = ("output", "images", "image", "result")  # the documented name is the first


def edit(job: ProviderJob) -> Conversation:
    """Send one request. The response itself shows whether it is the image or a task."""
    schema = SLUG_SCHEMAS[job.model]
    body = build_body(job, schema, (yield from _encode_images(job, schema)))
    version = job.options.get("api_version") or schema.api_version
    response = yield ProviderRequest("POST", f"/{version}/{job.model}", json=body)
    cost = micro_dollars_or_none(response.headers.get("x-cost"))
    if image := response_image(response):
        return [replace(image, cost_micro_dollars=cost)]
    payload = response.json()
    if not _has_task(payload):
        image = yield from fetch_image(find_result(payload))
        return [replace(image, cost_micro_dollars=cost)]
    result = yield from _fetch_task_result(payload, job)
    image = yield from fetch_image(_find_output(result))
    task_cost = micro_dollars_or_none(mapping_or_empty(result.get("metrics")).get("cost"))
    return [replace(image, cost_micro_dollars=cost if task_cost is None else task_cost)]


def build_body(job: ProviderJob, schema: SlugSchema, encoded_images: list[str]) -> dict[str, Any]:
    """Return the request body in the schema of the slug."""
    params = dict(job.params)
    output_format = params.pop("output_format", "png")
    if schema.format_field:
        params[schema.format_field] = "jpg" if output_format == "jpeg" else output_format
    images, mask = encoded_images[: len(job.images)], encoded_images[len(job.images) :]
    # Rounded down to multiples of 8, which the model requires.
    rounded_size = (edge // 8 * 8 for edge in job.images[0].size)
    return {
        **schema.fixed_fields,
        **_image_fields(schema, images),
        **({"mask": mask[0]} if mask else {}),
        **dict(zip(schema.size_fields, rounded_size, strict=False)),
        **({"prompt": job.prompt} if job.prompt else {}),
        **params,
    }


def _image_fields(schema: SlugSchema, images: list[str]) -> dict[str, Any]:
    first_field = schema.image_fields[0]
    if first_field.endswith("[]"):
        return {first_field.removesuffix("[]"): images}
    return dict(zip(schema.image_fields, images, strict=False))


def _encode_images(
    job: ProviderJob, schema: SlugSchema
) -> Generator[ConversationStep, ProviderResponse, list[str]]:
    """Return the images and then the mask as text.

    The text is base64 or a data: URL as the slug requires, or a URL after an upload. Raises ValueError when the upload
    returns another number of URLs.
    """
    files = [*job.images, *([job.mask_file] if job.mask_file else [])]
    upload_url = job.options.get("upload_url")
    if not upload_url:
        return [p.to_base64() if schema.bare_base64 else p.to_data_url() for p in files]
    upload_body = {"data_urls": [p.to_data_url() for p in files]}
    payload = (yield ProviderRequest("POST", upload_url, json=upload_body, idempotent=True)).json()
    uploaded_urls = list(filter(None, map(text_or_empty, payload["file_urls"])))
    if len(uploaded_urls) != len(files):
        raise ValueError("the upload returned a different number of URLs than files")
    return uploaded_urls


def _has_task(document: Any) -> bool:
    """Return whether the document has the location of a task. Otherwise it has the result itself."""
    names = ("request_id", "status_url")
    return any(find_object(document, name).get(name) for name in names)


def _fetch_task_result(
    document: Any, job: ProviderJob
) -> Generator[ConversationStep, ProviderResponse, Mapping[str, Any]]:
    """Poll a task until it has ended and return its result.

    Raises ProviderFailure when the task failed although the HTTP status is a success.
    """
    status_url, response_url = _task_urls(document, job.options["base_url"])
    final_state = yield from poll(
        ProviderRequest("GET", status_url),
        _read_state,
        _has_ended,
        interval_seconds=POLL_SECONDS,
    )
    _require_success(final_state)
    result_request = ProviderRequest("GET", response_url, idempotent=True, validate=_read_result)
    result = _read_result((yield result_request))
    _require_success(result)
    return result


def _read_state(response: ProviderResponse) -> Mapping[str, Any]:
    """Return the state of a task. Raises an error when it has no status."""
    state = find_object(response.json(), "status")
    if not text_or_empty(state["status"]):
        raise ValueError("a task without a status")
    return state


def _read_result(response: ProviderResponse) -> Mapping[str, Any]:
    """Return the result of a task. Raises an error when the task did not fail and the result has no URL."""
    result = find_object(response.json(), "output")
    if not _is_failed(result) and not _find_output(result):
        raise ValueError("a result without a URL")
    return result


def _find_output(result: Mapping[str, Any]) -> str:
    """Return the URL or the base64 of the result. Its form depends on the slug."""
    return find_result([result.get(name) for name in _OUTPUT_FIELDS])


def _require_success(state: Mapping[str, Any]) -> None:
    if _is_failed(state):
        raise ProviderFailure(_failure_error(error_message(state), "failed"))


def _has_ended(state: Mapping[str, Any]) -> bool:
    """Return whether the task is in a final state. An unknown one with a result is final too."""
    status = state["status"]
    has_result = is_unknown(status) and bool(_find_output(state))
    return is_success(status) or is_failure(status) or has_result


def _is_failed(state: Mapping[str, Any]) -> bool:
    return is_failure(text_or_empty(state.get("status")))


def _task_urls(document: Any, base_url: str) -> tuple[str, str]:
    """Return the URLs of the state and of the result, which will be requested with the key.

    A URL that is missing, or that is not at the origin of the base URL, is replaced by the documented path of the task.
    """
    task = find_object(document, "status_url")
    stated = [own_task_url(task.get(name), base_url, ()) for name in ("status_url", "response_url")]
    if not all(stated):
        path = f"/v2/requests/{quote(find_task_id(document, 'request_id'), safe='')}"
        return f"{path}/status", path
    return stated[0], stated[1]


def parse_error(response: ProviderResponse) -> ParsedError:
    """Return the parsed error. Its body is {"error": "text"}, except for a 405, which is an HTML page."""
    if response.status in NOT_SERVED_STATUSES:
        message = f"Segmind does not serve this model (status {response.status})."
        return ParsedError("no_such_model", f"{message} {_words(response)}".strip())
    if response.status == 429:
        delay = _seconds_until_reset(response.headers)
        return ParsedError("rate_limited", _words(response), retry_after=delay)
    message = error_message(response.json())
    if response.status in (402, 403, 406) and QUOTA_PATTERN.search(message):
        return ParsedError("out_of_quota", message)
    # A 400 comes before a task exists. Only then is it certain that no image was generated.
    error = _failure_error(message, KIND_BY_STATUS.get(response.status, ""))
    return replace(error, billed="no" if response.status == 400 else None)


def _words(response: ProviderResponse) -> str:
    """Return the message of a JSON error, or "" for a page."""
    try:
        return error_message(response.json())
    except ValueError:
        return ""


def _failure_error(message: str, kind: ErrorKind) -> ParsedError:
    """Return the error of the kind, or of the kind "moderated" when its words say so."""
    if not MODERATION_PATTERN.search(message):
        return ParsedError(kind, message)
    details = {"moderation_stage": "unknown", "categories": []}
    return ParsedError("moderated", message, details={"moderation_details": details})


def _seconds_until_reset(headers: Mapping[str, str]) -> float | None:
    """Return the seconds from the date of the response to the reset, or None when a header is missing or invalid."""
    from email.utils import parsedate_to_datetime

    try:
        reset = datetime.fromisoformat(headers["x-rate-limit-reset-at-utc"])
        now = parsedate_to_datetime(headers["date"])
        remaining = reset.replace(tzinfo=reset.tzinfo or UTC) - now
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return max(0.0, remaining.total_seconds())


PROVIDER = Provider(
    name="segmind",
    title="Segmind",
    docs_url="https://docs.segmind.com",
    env_prefix="SEGMIND",
    base_url="https://api.segmind.com",
    auth=Auth("x-api-key"),
    settings=("api_version", "upload_url"),
    key_hosts=("workflows-api.segmind.com",),
    edit_flow=edit,
    parse_error=parse_error,
    health_check=ProviderRequest("GET", "/v1/get-user-credits", idempotent=True),
    default_model="edit",
    models=MODELS,
)
