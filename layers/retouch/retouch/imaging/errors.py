"""Errors about image files, and the messages for the caller."""

from __future__ import annotations

import re

from retouch.core.errors import InvalidRequest, TooLarge, UnsupportedMedia
from retouch.imaging.limits import Limits

_INDEXED_PARAM = re.compile(r"[a-z_]+\[(\d+)\]")
_ERROR_CLASSES: dict[str, type[InvalidRequest]] = {
    "unsupported_image_format": UnsupportedMedia,
    "image_file_too_large": TooLarge,
    "image_too_large": TooLarge,
    "image_metadata_too_large": TooLarge,
}


class InvalidImage(ValueError):
    """An invalid image file. Its text continues a sentence that starts with "The image ..."."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def to_invalid_request(error: InvalidImage, param: str) -> InvalidRequest:
    """Return the public error: status 400, but 413 for too many bytes."""
    status = 413 if error.code == "image_file_too_large" else 400
    error_class = _ERROR_CLASSES.get(error.code, InvalidRequest)
    return error_class(f"{param_label(param)} {error}", param=param, code=error.code, status=status)


def param_label(param: str) -> str:
    """Return the name of a parameter in messages: image[1] -> "Image 2", mask -> "The mask"."""
    match = _INDEXED_PARAM.fullmatch(param)
    if match:
        return f"Image {int(match[1]) + 1}"
    return "The mask" if param == "mask" else "The image"


def damaged_image_error(reason: str) -> InvalidImage:
    """Return the error for bytes that contradict the format."""
    return InvalidImage(
        "image_parse_error", f"cannot be read: {reason}. Save it again and resend it."
    )


def truncated_image_error(reason: str) -> InvalidImage:
    """Return the error for a file that ends too early."""
    return InvalidImage("image_truncated", f"is cut short: {reason}. Send the complete file.")


def animated_image_error(format_name: str) -> InvalidImage:
    """Return the error for a file with more than one frame."""
    return InvalidImage(
        "image_animated",
        f"is an animated {format_name}; only still images are accepted. Send a single frame.",
    )


def check_dimensions(width: int, height: int, limits: Limits) -> None:
    """Raise InvalidImage unless 1 <= width, height <= limits.side and width * height <= limits.pixels."""
    if width < 1 or height < 1:
        raise damaged_image_error(f"its header says {width}x{height} pixels")
    if max(width, height) > limits.side:
        rule = f"at most {limits.side} pixels a side"
    elif width * height > limits.pixels:
        rule = f"at most {limits.pixels} pixels in all"
    else:
        return
    message = f"has {width}x{height} pixels; {rule} are accepted. Scale it down."
    raise InvalidImage("image_too_large", message)


def check_piece_count(count: int, limits: Limits) -> None:
    """Raise InvalidImage when a file has more than `limits.pieces` chunks or segments."""
    if count > limits.pieces:
        message = f"consists of more than {limits.pieces} chunks. Save it again without metadata."
        raise InvalidImage("image_metadata_too_large", message)
