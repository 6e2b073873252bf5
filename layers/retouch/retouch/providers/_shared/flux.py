"""The FLUX task protocol and the Kontext model capabilities. All hosts that serve FLUX models share them.

The host responds to an edit request with a task. The adapter polls the task. The result is a URL that is valid for
about ten minutes. Facts from docs.bfl.ai and the Fireworks pages, as of 2026-04 to 2026-11. A refusal is a status of
the task, not an HTTP status. It is final, so a client that waits for another status waits until its timeout.
"Request Moderated" is read as a refusal of the input and "Content Moderated" as a refusal of the output. This follows
from the words alone. No host documents it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

from retouch.core.capabilities import (
    ModelCapabilities,
    ParsedError,
    Price,
    ProviderFailure,
    SizeLimits,
)
from retouch.core.edit_types import GeneratedImage
from retouch.core.parameters import (
    UNSENT_USER,
    BoolParam,
    EnumParam,
    IntParam,
    ParameterSpec,
)
from retouch.core.provider_protocol import (
    ConversationStep,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.core.sizes import AspectRatios
from retouch.core.text.error_text import error_message
from retouch.providers._shared.request_building import poll
from retouch.providers._shared.response_parsing import (
    fetch_image,
    find_object,
    find_result,
    list_or_empty,
    mapping_or_empty,
    micro_dollars_or_none,
    text_or_empty,
)
from retouch.providers._shared.task_states import is_failure, is_success, is_unknown

MODERATION_STAGES = {"Request Moderated": "input", "Content Moderated": "output"}
TASK_NOT_FOUND = "Task not found"  # normal for a short time after the task was created
RESULT_FIELDS = ("result", "sample", "output", "images", "image", "url")
POLL_SECONDS = 1.0  # seconds between polls
MAX_NOT_FOUND_POLLS = 10  # polls in total, about ten seconds

# The models accept any ratio from 21:9 to 9:21. This list has the ratios that are in common use.
ASPECT_RATIOS = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16", "9:21")
COMMON_PARAMS: Mapping[str, ParameterSpec] = {
    "output_format": EnumParam(("png", "jpeg", "webp")),
    "seed": IntParam(0, 2_147_483_647),
}
KONTEXT_PARAMS: Mapping[str, ParameterSpec] = {
    "size": AspectRatios(ASPECT_RATIOS),
    "aspect_ratio": EnumParam(ASPECT_RATIOS),
    "prompt_upsampling": BoolParam(),
    # The provider accepts up to 6 for generation and up to 2 for edits.
    "safety_tolerance": IntParam(0, 2),
    **COMMON_PARAMS,
    "user": UNSENT_USER,
}
SIZE_LIMITS = SizeLimits(max_pixels=20_000_000)


def kontext_model(model_id: str, max_images: int, price: Price) -> ModelCapabilities:
    """Return the capabilities of a Kontext model.

    Kontext follows instructions. It takes no mask, and it takes an aspect ratio instead of a size.
    """
    return ModelCapabilities(
        id=model_id,
        max_images=max_images,
        max_image_bytes=20_000_000,
        size_limits=SIZE_LIMITS,
        max_n_per_call=1,
        params=KONTEXT_PARAMS,
        output_formats=("png", "jpeg"),
        supports_compression=False,
        follows_instructions=True,
        price=price,
    )


def request_fields(job: ProviderJob) -> dict[str, Any]:
    """Return the request fields other than the images.

    The output format is always sent, because the default differs between hosts.
    """
    return {"prompt": job.prompt, "output_format": "png", **job.params}


def fetch_task_result(
    poll_request: ProviderRequest, ordered_cost: int | None = None
) -> Generator[ConversationStep, ProviderResponse, GeneratedImage]:
    """Poll a task with `poll_request` until it has ended, then fetch and return its image.

    The cost of the image is the one that the finished task states, else `ordered_cost`, in micro-dollars. Raises
    ProviderFailure when the task ends without an image. An unknown status without a result counts as unfinished.
    """
    not_found_polls = count(1)

    def is_finished(task: Mapping[str, Any]) -> bool:
        status = task["status"]
        if status == TASK_NOT_FOUND:
            return next(not_found_polls) > MAX_NOT_FOUND_POLLS
        return is_failure(status) or _is_moderated(status) or _is_successful(task)

    task = yield from poll(poll_request, _read_task, is_finished, interval_seconds=POLL_SECONDS)
    if not _is_successful(task):
        raise ProviderFailure(parse_task_error(task))
    image = yield from fetch_image(_find_sample(task))
    task_cost = task_cost_micro_dollars(task)
    return replace(image, cost_micro_dollars=ordered_cost if task_cost is None else task_cost)


def task_cost_micro_dollars(task: Mapping[str, Any]) -> int | None:
    """Return the `cost` of a task in micro-dollars, or None when it states none. The host counts credits of $0.01."""
    return micro_dollars_or_none(task.get("cost"), unit_dollars=0.01)


def _read_task(response: ProviderResponse) -> Mapping[str, Any]:
    """Return the task. Raises an error when it has no status, or is ready without a result."""
    task = find_object(response.json(), "status")
    if not text_or_empty(task["status"]):
        raise ValueError("a task without a status")
    if _is_successful(task) and not _find_sample(task):
        raise ValueError("a task that is ready without a result")
    return task


def _is_successful(task: Mapping[str, Any]) -> bool:
    """Return whether the task is ready. A task with a result is ready too if its status is not a known word."""
    status = task["status"]
    is_new_word = is_unknown(status) and not _is_moderated(status)
    return is_success(status) or (is_new_word and bool(_documented_sample(task)))


def _find_sample(task: Mapping[str, Any]) -> str:
    """Return the URL or the base64 of the result. It is in `result.sample`. Other names are tried after it."""
    return _documented_sample(task) or find_result([task.get(name) for name in RESULT_FIELDS])


def _documented_sample(task: Mapping[str, Any]) -> str:
    return text_or_empty(mapping_or_empty(task.get("result")).get("sample"))


def parse_task_error(task: Mapping[str, Any]) -> ParsedError:
    """Return the error of a task that ended without an image."""
    status, details = task["status"], task.get("details")
    if not _is_moderated(status):
        return ParsedError(
            "failed", error_message(details) or f"The task ended with the status {status!r}."
        )
    stage = MODERATION_STAGES.get(status, "unknown")
    reasons = mapping_or_empty(details).get("Moderation Reasons", details)
    categories = (
        [reasons] if text_or_empty(reasons) else list(filter(text_or_empty, list_or_empty(reasons)))
    )
    return ParsedError(
        "moderated",
        f"The safety system refused: {status}.",
        details={"moderation_details": {"moderation_stage": stage, "categories": categories}},
    )


def _is_moderated(status: str) -> bool:
    return status.lower().endswith("moderated")
