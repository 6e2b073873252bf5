"""Edits by a model that can see and write but not paint: it writes a plan, which is carried out here.

Any vision chat model can serve: an adapter only says how a chat is sent (`Ask`). Messages are OpenAI's, with the
picture as a data URL. The model sees a shrunk copy; the picture itself is edited at full resolution, up to the
16.8 million pixels that operations work on; of a larger one with a mask only the marked area is scaled. A plan that
breaks a rule goes back once with the reason; what comes then is final.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

from PIL import Image

from retouch.cards import Failed, Told
from retouch.errors import BadUpstream
from retouch.messages import Artifact, Conversation, Job, Picture
from retouch.operations.geometry import cut
from retouch.operations.steps import in_words, run
from retouch.operations.values import MOST_EDGE, MOST_PIXELS, PlanError
from retouch.pixels.convert import decode, encode, encode_kept, flatten, resize, see_through
from retouch.pixels.inspect import inspect
from retouch.providers._planner_answer import Refusal, read_answer
from retouch.providers._planner_ask import Ask, Messages
from retouch.providers._planner_words import correction, request, system_prompt
from retouch.sizes import parse_size

_SEEN_EDGE = 1568  # pixels; vision models scale larger pictures down themselves
_SEEN_QUALITY = 85
_ROUNDS = 2
_ANY = [0] + [255] * 255
_LONGEST_ECHO = 4000  # characters of a wrong answer that are sent back with the reason


@dataclass(frozen=True, slots=True)
class Subject:
    """The picture to edit, what of it is marked ("L", as large), and what was done to it before any plan."""

    image: Image.Image
    mask: Image.Image | None
    words: str = ""


def converse(job: Job, ask: Ask) -> Conversation:
    """Look, plan, carry out. The same picture for each of n, since only the plan costs and nothing is random.

    Failed (unsupported_operation) where the model says that its operations cannot do it, BadUpstream
    (plan_not_understood) where the second plan is as wrong as the first. Both have cost tokens.
    """
    subject = subject_of(job)
    messages = opening(job, subject)
    usage: dict[str, int] = {}
    for _ in range(_ROUNDS):
        said = yield from ask(job, messages)
        usage = {name: usage.get(name, 0) + count for name, count in said.usage.items()}
        try:
            return [carried_out(said.text, job, subject, usage)] * job.n
        except PlanError as wrong:
            why = str(wrong)
            messages = [*messages, *correction(said.text[:_LONGEST_ECHO], why)]
    raise BadUpstream(
        f"The model's plan could not be followed, even after it was told why: {why} Word the instruction "
        "more simply, or choose a model that paints.",
        code="plan_not_understood",
        billed="yes",
    )


def subject_of(job: Job) -> Subject:
    """The first picture and the mask, made smaller where operations would not take them."""
    image = decode(job.images[0])
    mask = job.mask.edit if job.mask else None
    pixels = image.width * image.height
    factor = min(1.0, MOST_EDGE / max(image.size), sqrt(MOST_PIXELS / pixels))
    if factor == 1:
        return Subject(image, mask)
    size = max(1, int(image.width * factor)), max(1, int(image.height * factor))
    words = f"scale from {image.width}x{image.height} to {size[0]}x{size[1]} px, then "
    return Subject(resize(image, size), resize(mask, size) if mask else None, words)


def opening(job: Job, subject: Subject) -> Messages:
    """What the model is told and shown first."""
    parts = [
        {"type": "image_url", "image_url": {"url": inspect(shrunk(subject.image)).data_url()}},
        {"type": "text", "text": request(job, subject.image, subject.mask)},
    ]
    return [
        {"role": "system", "content": system_prompt(job.mask is not None)},
        {"role": "user", "content": parts},
    ]


def shrunk(image: Image.Image) -> bytes:
    """A copy for the model's eyes, as a JPEG on white."""
    seen = flatten(image)
    factor = _SEEN_EDGE / max(seen.size)
    if factor < 1:
        size = max(1, round(seen.width * factor)), max(1, round(seen.height * factor))
        seen = resize(seen, size)
    return encode(seen, "jpeg", compression=_SEEN_QUALITY)


def carried_out(text: str, job: Job, subject: Subject, usage: Mapping[str, int]) -> Artifact:
    """The picture that the model's answer makes. Failed for a refusal, PlanError for a plan that breaks a rule."""
    masked = subject.mask is not None
    answer = read_answer(text, masked)
    if isinstance(answer, Refusal):
        raise Failed(_refused(answer.why))
    words = subject.words + in_words(answer, masked)
    done = run(subject.image, answer, subject.mask)
    if job.mask and done.size != job.mask.edit.size:
        done = put_back(done, decode(job.images[0]), job.mask.edit)
        words += ", then scale that area back"
    size = parse_size(job.params.get("size", "auto"))
    if size and size != done.size:
        done = resize(cut(done, size), size)
        words += f", then crop and scale to {size[0]}x{size[1]}"
    return _artifact(done, words, job, usage)


def put_back(done: Image.Image, original: Image.Image, edit: Image.Image) -> Image.Image:
    """The original with what `edit` ("L", as large, over 0) marks out of a smaller copy that was worked on."""
    box = edit.getbbox() or (0, 0, 1, 1)
    across, down = done.width / original.width, done.height / original.height
    right, bottom = min(box[2] * across, done.width), min(box[3] * down, done.height)
    source = (box[0] * across, box[1] * down, right, bottom)
    part = done.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.LANCZOS, source)
    whole = original.convert(done.mode)
    whole.paste(part, box[:2], edit.crop(box).point(_ANY))
    return whole


def seen(job: Job) -> tuple[Picture, ...]:
    """What leaves of an order's pictures: a small copy of the first."""
    return (inspect(shrunk(subject_of(job).image)),)


def _artifact(image: Image.Image, words: str, job: Job, usage: Mapping[str, int]) -> Artifact:
    if job.params.get("background") == "opaque":
        image = flatten(image)
    output_format = job.params.get("output_format", "png")
    facts: dict[str, Any] = {
        "size": f"{image.width}x{image.height}",
        "output_format": output_format,
        "background": "transparent" if see_through(image) and output_format != "jpeg" else "opaque",
    }
    if usage:
        facts["usage"] = {**usage, "total_tokens": sum(usage.values())}
    write = encode_kept if job.mask else encode
    again = f" The {job.n} pictures are the same: nothing here is random." if job.n > 1 else ""
    return Artifact(
        data=write(image, output_format, compression=job.params.get("output_compression")),
        revised_prompt=f"{words[0].upper()}{words[1:]}.{again}",
        facts=facts,
    )


def _refused(why: str) -> Told:
    return Told(
        "refused",
        f"This model edits by a list of fixed operations and cannot do this with them: {why} "
        "What must be painted needs a model that paints; GET /v1/models lists the models.",
        code="unsupported_operation",
        param="prompt",
        billed="yes",
    )
