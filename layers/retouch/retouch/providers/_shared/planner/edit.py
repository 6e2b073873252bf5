"""Edits by a vision chat model that cannot generate images. The model writes a plan, and Retouch applies it here.

Any vision chat model can be used: an adapter only supplies the function that sends a chat (`SendChat`). Messages have
OpenAI's format, with the image as a data: URL. The model gets a scaled-down copy. The image itself is edited at full
resolution, up to the 16.8 million pixels that the operations support. If a larger image has a mask, only the marked
area is scaled. A plan that breaks a rule is returned to the model once, with the reason. The second plan is final.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

from retouch.core.capabilities import ParsedError, ProviderFailure
from retouch.core.edit_types import EncodedImage, GeneratedImage
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.provider_protocol import Conversation, ProviderJob
from retouch.core.sizes import parse_size
from retouch.imaging.codec import (
    encode,
    encode_preserved,
    flatten,
    has_transparency,
    resize,
)
from retouch.imaging.colour import decode_srgb
from retouch.imaging.inspect import inspect_image
from retouch.imaging.operations.geometry import crop_to_ratio
from retouch.imaging.operations.program import describe_steps, run_steps
from retouch.imaging.operations.values import MAX_EDGE, MAX_PIXELS, InvalidSteps
from retouch.imaging.pillow import Image
from retouch.providers._shared.planner.parse import PlanRefusal, parse_planner_reply
from retouch.providers._shared.planner.prompt import correction_messages, system_prompt, user_prompt
from retouch.providers._shared.planner.protocol import ChatMessages, SendChat

_MAX_COPY_EDGE = 1568  # pixels; vision models scale larger images down themselves
_COPY_JPEG_QUALITY = 85
_MAX_PLAN_ATTEMPTS = 2
_NONZERO_TO_255 = [0] + [255] * 255
# Characters of an invalid reply that are returned to the model with the reason.
_MAX_ECHO_CHARS = 4000
_MAX_SENTENCE_CHARS = 300  # of an invalid reply, for the caller


@frozen_dataclass
class PlannerImage:
    """The image that a plan edits.

    `mask` has mode "L" and the size of the image. `scaling_note` says how the image was scaled before the plan.
    """

    image: Image.Image
    mask: Image.Image | None
    scaling_note: str = ""


def edit_by_plan(job: ProviderJob, send_chat: SendChat) -> Conversation:
    """Get a plan from the model, apply it and return the result n times.

    All n images are the same, because only the plan costs money and no step is random. Raises ProviderFailure
    (unsupported_operation) when the model says that the operations cannot do the edit, and ProviderFailure
    (plan_not_understood) when the second plan is invalid too. Both errors have used tokens.
    """
    source = prepare_image(job)
    messages = initial_messages(job, source)
    usage: dict[str, int] = {}
    for _ in range(_MAX_PLAN_ATTEMPTS):
        reply = yield from send_chat(job, messages)
        usage = {name: usage.get(name, 0) + count for name, count in reply.usage.items()}
        try:
            return [apply_planner_reply(reply.text, job, source, usage)] * job.n
        except InvalidSteps as error:
            reason = str(error)
            messages = [*messages, *correction_messages(reply.text[:_MAX_ECHO_CHARS], reason)]
    raise ProviderFailure(_invalid_plan_error(reason, reply.text))


def prepare_image(job: ProviderJob) -> PlannerImage:
    """Return the first image and the mask, scaled down when they exceed the limits of the operations."""
    image = decode_srgb(job.images[0])
    mask = job.mask.pixels if job.mask else None
    pixels = image.width * image.height
    factor = min(1.0, MAX_EDGE / max(image.size), sqrt(MAX_PIXELS / pixels))
    if factor == 1:
        return PlannerImage(image, mask)
    size = max(1, int(image.width * factor)), max(1, int(image.height * factor))
    scaling_note = f"scale from {image.width}x{image.height} to {size[0]}x{size[1]} px, then "
    return PlannerImage(resize(image, size), resize(mask, size) if mask else None, scaling_note)


def initial_messages(job: ProviderJob, source: PlannerImage) -> ChatMessages:
    """Return the system message and the user message with the image and the instruction."""
    parts = [
        {
            "type": "image_url",
            "image_url": {"url": inspect_image(encode_model_copy(source.image)).to_data_url()},
        },
        {"type": "text", "text": user_prompt(job, source.image, source.mask)},
    ]
    return [
        {"role": "system", "content": system_prompt(job.mask is not None)},
        {"role": "user", "content": parts},
    ]


def encode_model_copy(image: Image.Image) -> bytes:
    """Return a scaled-down copy for the model: a JPEG, with transparency flattened on white."""
    copy = flatten(image)
    factor = _MAX_COPY_EDGE / max(copy.size)
    if factor < 1:
        size = max(1, round(copy.width * factor)), max(1, round(copy.height * factor))
        copy = resize(copy, size)
    return encode(copy, "jpeg", compression=_COPY_JPEG_QUALITY)


def apply_planner_reply(
    text: str, job: ProviderJob, source: PlannerImage, usage: Mapping[str, int]
) -> GeneratedImage:
    """Apply the plan in the model's reply and return the result.

    Raises ProviderFailure when the reply is a refusal, and PlanError when the plan breaks a rule.
    """
    masked = source.mask is not None
    plan = parse_planner_reply(text, masked)
    if isinstance(plan, PlanRefusal):
        raise ProviderFailure(_unsupported_operation_error(plan.reason))
    description = source.scaling_note + describe_steps(plan, masked)
    edited = run_steps(source.image, plan, source.mask)
    if job.mask and edited.size != job.mask.pixels.size:
        edited = paste_edited_area(edited, decode_srgb(job.images[0]), job.mask.pixels)
        description += ", then scale that area back"
    size = parse_size(job.params.get("size", "auto"))
    if size and size != edited.size:
        edited = resize(crop_to_ratio(edited, size), size)
        description += f", then crop and scale to {size[0]}x{size[1]}"
    return _generated_image(edited, description, job, usage)


def paste_edited_area(edited: Image.Image, original: Image.Image, edit: Image.Image) -> Image.Image:
    """Return the original with the marked area taken from an edited copy of smaller size.

    `edit` has mode "L" and the size of the original. Every pixel above 0 is marked.
    """
    box = edit.getbbox() or (0, 0, 1, 1)
    x_scale, y_scale = edited.width / original.width, edited.height / original.height
    right, bottom = min(box[2] * x_scale, edited.width), min(box[3] * y_scale, edited.height)
    source_box = (box[0] * x_scale, box[1] * y_scale, right, bottom)
    patch = edited.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.LANCZOS, source_box)
    combined = original.convert(edited.mode)
    combined.paste(patch, box[:2], edit.crop(box).point(_NONZERO_TO_255))
    return combined


def upstream_images(job: ProviderJob) -> tuple[EncodedImage, ...]:
    """Return the images that are sent to the provider: only a small copy of the first image."""
    return (inspect_image(encode_model_copy(prepare_image(job).image)),)


def _generated_image(
    image: Image.Image, description: str, job: ProviderJob, usage: Mapping[str, int]
) -> GeneratedImage:
    if job.params.get("background") == "opaque":
        image = flatten(image)
    output_format = job.params.get("output_format", "png")
    metadata: dict[str, Any] = {
        "size": f"{image.width}x{image.height}",
        "output_format": output_format,
        "background": "transparent"
        if has_transparency(image) and output_format != "jpeg"
        else "opaque",
    }
    if usage:
        metadata["usage"] = {**usage, "total_tokens": sum(usage.values())}
    encode_result = encode_preserved if job.mask else encode
    repeat_note = (
        f" The {job.n} images are the same, because the plan is not random." if job.n > 1 else ""
    )
    return GeneratedImage(
        data=encode_result(image, output_format, compression=job.params.get("output_compression")),
        revised_prompt=f"{description[0].upper()}{description[1:]}.{repeat_note}",
        metadata=metadata,
    )


def _invalid_plan_error(reason: str, reply: str) -> ParsedError:
    """Return the error for two invalid plans. A reply without JSON is a sentence to the caller, often a refusal."""
    sentence = "" if "{" in reply else " ".join(reply.split())[:_MAX_SENTENCE_CHARS]
    return ParsedError(
        "refused",
        f"The model's plan was invalid, and so was its corrected plan: {reason} "
        + (f"The model said: {sentence} " if sentence else "")
        + "Word the instruction more simply, or choose a model that generates images.",
        code="plan_not_understood",
        param="prompt",
        billed="yes",
    )


def _unsupported_operation_error(reason: str) -> ParsedError:
    return ParsedError(
        "refused",
        f"This model edits with a fixed list of operations, which cannot do this: {reason} "
        "Use a model that generates images. GET /v1/models lists the models.",
        code="unsupported_operation",
        param="prompt",
        billed="yes",
    )
