"""What is wrong with a file, and the sentence that tells the caller."""

from __future__ import annotations

import re

from retouch.errors import InvalidRequest, TooLarge, UnsupportedMedia
from retouch.pixels.limits import Limits

_INDEXED = re.compile(r"[a-z_]+\[(\d+)\]")
_CLASSES: dict[str, type[InvalidRequest]] = {
    "unsupported_image_format": UnsupportedMedia,
    "image_file_too_large": TooLarge,
    "image_too_large": TooLarge,
    "image_metadata_too_large": TooLarge,
}


class UnfitError(ValueError):
    """A file that cannot be taken, and why, in words that go on from "The image ..."."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def refusal(unfit: UnfitError, param: str) -> InvalidRequest:
    """The public error: 400, but 413 for too many bytes."""
    status = 413 if unfit.code == "image_file_too_large" else 400
    kind = _CLASSES.get(unfit.code, InvalidRequest)
    return kind(f"{label(param)} {unfit}", param=param, code=unfit.code, status=status)


def label(param: str) -> str:
    """How to speak of a parameter: image[1] -> "Image 2", mask -> "The mask"."""
    found = _INDEXED.fullmatch(param)
    if found:
        return f"Image {int(found[1]) + 1}"
    return "The mask" if param == "mask" else "The image"


def damaged(what: str) -> UnfitError:
    """The bytes contradict the format."""
    return UnfitError("image_parse_error", f"cannot be read: {what}. Save it again and resend it.")


def truncated(what: str) -> UnfitError:
    """The file ends too early."""
    return UnfitError("image_truncated", f"is cut short: {what}. Send the complete file.")


def animated(kind: str) -> UnfitError:
    """More than one frame."""
    return UnfitError(
        "image_animated",
        f"is an animated {kind}; only still pictures are accepted. Send a single frame.",
    )


def check_size(width: int, height: int, limits: Limits) -> None:
    """Raise UnfitError unless 1 <= width, height <= side and width * height <= pixels."""
    if width < 1 or height < 1:
        raise damaged(f"its header says {width}x{height} pixels")
    if max(width, height) > limits.side:
        rule = f"at most {limits.side} pixels a side"
    elif width * height > limits.pixels:
        rule = f"at most {limits.pixels} pixels in all"
    else:
        return
    text = f"has {width}x{height} pixels; {rule} are accepted. Scale it down."
    raise UnfitError("image_too_large", text)


def check_pieces(count: int, limits: Limits) -> None:
    """Raise UnfitError for a file that is cut into absurdly many pieces."""
    if count > limits.pieces:
        text = f"consists of more than {limits.pieces} chunks. Save it again without metadata."
        raise UnfitError("image_metadata_too_large", text)
