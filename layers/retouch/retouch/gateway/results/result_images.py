"""The images that a provider returned. This is the one place that decides which of them are readable.

The provider may have billed an image that cannot be read, so its errors are UpstreamErrors and never the caller's. An
image that the gateway cannot open, or that is damaged, is still what was paid for: it can be delivered as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import pybase64

from retouch.core.edit_types import EncodedImage, GeneratedImage
from retouch.core.errors import Billed, InvalidRequest, UpstreamError
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.image_formats import INPUT_FORMATS, detect_format, detect_other_format
from retouch.core.resolved_model import ResolvedModel
from retouch.core.text.image_text import decode_damaged_base64
from retouch.core.usage import token_counts
from retouch.gateway.provider_call.error_mapping import NO_IMAGE_REMEDY
from retouch.imaging import first_frame
from retouch.imaging.errors import InvalidImage
from retouch.imaging.inspect import inspect_image
from retouch.imaging.limits import RESULT_LIMITS

_HEAD_BYTES = (
    132  # enough to identify the format; a multiple of 3, so that its base64 needs no padding
)
_END_BYTES = 12  # of the file, a multiple of 3 too
_USUAL_ENDS = {"png": b"IEND\xaeB`\x82", "jpeg": b"\xff\xd9"}
UNKNOWN_FORMAT = "unknown"  # of a file that is not text, and so may be an image in a new format
# Errors about a file that is intact, but larger than the gateway opens.
_SIZE_CODES = ("image_too_large", "image_file_too_large", "image_metadata_too_large")
_SEVERAL_FRAMES_CODES = ("image_animated", "image_multipage")
_DAMAGED_MESSAGE = "The provider's result is a damaged image."
_FIRST_FRAME_NOTE = (
    "result: the provider returned an animation or several pages, so its first frame"
)


class UnreadableResult(UpstreamError):
    """A result that is not a readable image: it is not an image, or it is damaged."""

    code = "no_image_returned"


class DamagedResult(UnreadableResult):
    """A result that starts as an image and is damaged. It can only be delivered as it is."""


class UnsupportedResult(UnreadableResult):
    """A result that the gateway cannot open although it may be intact. It can only be delivered as it is."""


@frozen_dataclass
class OpenedResult:
    """A readable result. `file` describes the bytes of `image`."""

    image: GeneratedImage
    file: EncodedImage
    notes: tuple[str, ...] = ()


@frozen_dataclass
class OpenedResults:
    """The readable results of an edit, in order. The notes name first frames and unreadable images."""

    images: tuple[OpenedResult, ...]
    notes: tuple[str, ...] = ()


@contextmanager
def convert_to_provider_fault() -> Iterator[None]:
    """Convert an error about an image to an UnreadableResult of its kind."""
    try:
        yield
    except UpstreamError:
        raise
    except InvalidRequest as error:
        if error.code in _SIZE_CODES:
            message = "The provider's result is larger than the gateway can process."
            raise UnsupportedResult(message) from error
        raise DamagedResult(_DAMAGED_MESSAGE) from error
    except InvalidImage as error:
        raise DamagedResult(_DAMAGED_MESSAGE) from error
    except (ValueError, TypeError) as error:
        raise _unreadable_result() from error


def result_format(image: GeneratedImage) -> str:
    """Return the format by the first bytes: one of INPUT_FORMATS or OTHER_FORMATS, or UNKNOWN_FORMAT.

    The rest of the file is not read. Raises UnreadableResult when the bytes are not those of an image.
    """
    with convert_to_provider_fault():
        head = image.data[:_HEAD_BYTES] or pybase64.b64decode(image.b64[: _HEAD_BYTES * 4 // 3])
        format = detect_format(head) or detect_other_format(head)
    if format:
        return format
    if b"\0" not in head:
        raise _unreadable_result()
    return UNKNOWN_FORMAT


def require_whole(image: GeneratedImage) -> None:
    """Raise DamagedResult for an image that was cut short. The whole file is read only when its end is unusual."""
    if not _has_usual_end(image):
        with suppress(UnsupportedResult):
            open_result(image)


def _has_usual_end(image: GeneratedImage) -> bool:
    """Return whether a file ends as its format ends. The last bytes are enough, except for WebP, which has a length."""
    format = result_format(image)
    if format == "webp":
        size = len(image.data) or len(image.b64) // 4 * 3 - image.b64[-2:].count("=")
        head = image.data[:_HEAD_BYTES] or pybase64.b64decode(image.b64[: _HEAD_BYTES * 4 // 3])
        return int.from_bytes(head[4:8], "little") + 8 == size
    end = image.data[-_END_BYTES:] or decode_damaged_base64(image.b64[-_END_BYTES * 4 // 3 :])
    return end.endswith(_USUAL_ENDS.get(format, b""))


def open_result(image: GeneratedImage) -> OpenedResult:
    """Return the result with its header, after a check of its structure. An animation becomes its first frame.

    Raises UnreadableResult, DamagedResult, or UnsupportedResult for an image that the gateway cannot open.
    """
    format = result_format(image)
    with convert_to_provider_fault():
        data = _decode_base64(image)
        if format not in INPUT_FORMATS:
            return _open_as_png(image, data, format)
        try:
            return OpenedResult(image, _inspect(data))
        except InvalidRequest as error:
            if error.code not in _SEVERAL_FRAMES_CODES:
                raise
        return _open_as_png(image, data, format, _FIRST_FRAME_NOTE)


def _open_as_png(image: GeneratedImage, data: bytes, format: str, *notes: str) -> OpenedResult:
    """Return the first frame as a still image of a common format. Raises UnsupportedResult, InvalidRequest."""
    if format not in first_frame.FORMATS:
        raise UnsupportedResult(f"The gateway cannot open the provider's {format.upper()} file.")
    frame = first_frame.read_first_frame(data, format)
    still = replace(image, b64="", data=frame)
    return OpenedResult(still, _inspect(frame), notes)


def _inspect(data: bytes) -> EncodedImage:
    return inspect_image(data, param="result", limits=RESULT_LIMITS)


def open_to_store(image: GeneratedImage) -> OpenedResult:
    """Return the image with its format. One that cannot be opened is returned as it is. Raises UnreadableResult."""
    if image.stored_url:
        return OpenedResult(image, EncodedImage(b"", "", 0, 0))
    try:
        return open_result(image)
    except UnsupportedResult:
        return _keep_unchanged(image)


def open_damaged(image: GeneratedImage) -> OpenedResult:
    """Return a damaged image as it is, with a note, or any other image like `open_to_store`."""
    try:
        return open_to_store(image)
    except DamagedResult:
        return _keep_unchanged(image, damage_note(image))


def damage_note(image: GeneratedImage) -> str:
    """Return the note on a damaged image that is delivered as it is."""
    name = result_format(image).upper()
    return (
        f"image_damaged: the provider returned a damaged {name} file, which is delivered unchanged"
    )


def _keep_unchanged(image: GeneratedImage, *notes: str) -> OpenedResult:
    data = image.data or decode_damaged_base64(image.b64)
    return OpenedResult(image, EncodedImage(data, result_format(image), 0, 0), notes)


def _decode_base64(image: GeneratedImage) -> bytes:
    """Return the encoded image. Raises DamagedResult when its base64 is damaged."""
    try:
        return image.to_bytes()
    except ValueError as error:
        raise DamagedResult(_DAMAGED_MESSAGE) from error


@contextmanager
def explain_unreadable(
    resolved: ResolvedModel, images: Sequence[GeneratedImage], billed: Billed
) -> Iterator[None]:
    """Add the model and the remedy to an UnreadableResult. Its billing is `billed` when the images have a usage."""
    try:
        yield
    except UnreadableResult as error:
        message = f"{error} It is from {resolved.provider.title}'s {resolved.serving.id}. {NO_IMAGE_REMEDY}"
        has_usage = any(token_counts(image.metadata.get("usage")) for image in images)
        raise type(error)(message, billed=billed if has_usage else error.billed) from error


def open_results(
    images: Sequence[GeneratedImage], open: Callable[[GeneratedImage], OpenedResult] = open_result
) -> OpenedResults:
    """Return the readable results. Raises the first UnreadableResult when no image is readable."""
    opened: list[OpenedResult] = []
    errors: list[UnreadableResult] = []
    for image in images:
        try:
            opened.append(open(image))
        except UnreadableResult as error:
            errors.append(error)
    if not opened:
        raise errors[0]
    notes = [note for one in opened for note in one.notes]
    return OpenedResults(
        tuple(opened), (*dict.fromkeys(notes), *unreadable_notes(errors, len(images)))
    )


def unreadable_notes(errors: Sequence[UpstreamError], total: int) -> tuple[str, ...]:
    """Return a note that says how many of `total` images cannot be read, if any."""
    if not errors:
        return ()
    return (f"n: {len(errors)} of {total} images cannot be read: {errors[0]}",)


def _unreadable_result() -> UnreadableResult:
    return UnreadableResult("The provider's result is not a readable image.")
