"""The images that a provider returned. This is the one place that decides which of them are readable.

The provider may have billed an image that cannot be read, so its errors are UpstreamErrors and never the caller's. An
image in a format that the gateway cannot open is still an image: it can be delivered as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pybase64

from retouch.core.edit_types import EncodedImage, GeneratedImage
from retouch.core.errors import InvalidRequest, UpstreamError
from retouch.core.image_formats import detect_format
from retouch.imaging import first_frame
from retouch.imaging.formats.detect import guess_file_type
from retouch.imaging.inspect import inspect_image

_HEAD_BYTES = (
    132  # enough to identify the format; a multiple of 3, so that its base64 needs no padding
)
# Image formats that the gateway cannot open. A format that `inspect_image` accepts must not be listed here.
_UNSUPPORTED_FORMATS = {"JPEG 2000": "jp2", "JPEG XL": "jxl"}
# Errors about a file that is intact, but larger than the gateway opens.
_SIZE_CODES = ("image_too_large", "image_file_too_large", "image_metadata_too_large")
_FIRST_FRAME_NOTE = "result: the provider returned an animation, so its first frame"


class UnreadableResult(UpstreamError):
    """A result that is not a readable image: it is no image, or it is damaged."""

    code = "no_image_returned"


class UnsupportedResult(UnreadableResult):
    """A result that the gateway cannot open although it may be intact. It can only be delivered as it is."""


@dataclass(frozen=True, slots=True)
class OpenedResult:
    """A readable result. `file` describes the bytes of `image`."""

    image: GeneratedImage
    file: EncodedImage
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenedResults:
    """The readable results of an edit, in order. The notes name first frames and unreadable images."""

    images: tuple[OpenedResult, ...]
    notes: tuple[str, ...] = ()


@contextmanager
def blame_provider() -> Iterator[None]:
    """Convert an error about an image to an UnreadableResult or an UnsupportedResult."""
    try:
        yield
    except UpstreamError:
        raise
    except InvalidRequest as error:
        if error.code in _SIZE_CODES:
            message = "The provider's result is larger than the gateway can process."
            raise UnsupportedResult(message) from error
        raise _unreadable_result() from error
    except (ValueError, TypeError) as error:
        raise _unreadable_result() from error


def result_format(image: GeneratedImage) -> str:
    """Return the format by the first bytes: one of INPUT_FORMATS, or the name of a format that cannot be opened.

    The rest of the file is not read. Raises UnreadableResult when the bytes are not those of an image.
    """
    with blame_provider():
        head = image.data[:_HEAD_BYTES] or pybase64.b64decode(image.b64[: _HEAD_BYTES * 4 // 3])
        format = detect_format(head) or _unsupported_format(head)
    if not format:
        raise _unreadable_result()
    return format


def open_result(image: GeneratedImage) -> OpenedResult:
    """Return the result with its header, after a check of its structure. An animation becomes its first frame.

    Raises UnreadableResult, or UnsupportedResult for an image that the gateway cannot open.
    """
    format = result_format(image)
    if format in _UNSUPPORTED_FORMATS.values():
        raise UnsupportedResult(f"The provider's result is a {format.upper()} file.")
    with blame_provider():
        data = image.to_bytes()
        try:
            return OpenedResult(image, inspect_image(data, param="result"))
        except InvalidRequest as error:
            if error.code != "image_animated":
                raise
        if format not in first_frame.FORMATS:
            raise UnsupportedResult(f"The provider's result is an animated {format.upper()} file.")
        frame = first_frame.read_first_frame(data, format)
        still = replace(image, b64="", data=frame)
        return OpenedResult(still, inspect_image(frame, param="result"), (_FIRST_FRAME_NOTE,))


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


def _unsupported_format(head: bytes) -> str | None:
    return _UNSUPPORTED_FORMATS.get(guess_file_type(head))


def _unreadable_result() -> UnreadableResult:
    return UnreadableResult("The provider's result is not a readable image.")
