"""Check an image file by its headers and describe it as an EncodedImage, or report what is wrong with it."""

from __future__ import annotations

from retouch.core.edit_types import EncodedImage
from retouch.core.image_formats import INPUT_FORMATS, ImageHeader, detect_format, list_formats
from retouch.imaging.errors import InvalidImage, to_invalid_request
from retouch.imaging.formats.detect import guess_file_type
from retouch.imaging.formats.structure import check_structure
from retouch.imaging.limits import DEFAULT_LIMITS, Limits

_ACCEPTED_FORMATS = list_formats(INPUT_FORMATS)


def inspect_image(
    data: bytes, *, param: str = "image", limits: Limits = DEFAULT_LIMITS
) -> EncodedImage:
    """Check a file and return its description. Nothing is decoded and Pillow is not loaded.

    `param` is the name of the parameter in errors; "image[1]" becomes "Image 2" in the message. Raises InvalidRequest
    (400; TooLarge with 413 for too many bytes) with `param` and one of these codes: empty_image_file,
    image_file_too_large, unsupported_image_format, image_parse_error, image_truncated, image_too_large, image_animated,
    image_multipage, image_metadata_too_large.
    """
    format, header = check_file(data, param=param, limits=limits)
    width, height = header.displayed_size
    return EncodedImage(
        data,
        format,
        width,
        height,
        header.has_alpha,
        has_exif_rotation=header.orientation != 1,
        header=header,
    )


def check_file(
    data: bytes, *, param: str = "image", limits: Limits = DEFAULT_LIMITS
) -> tuple[str, ImageHeader]:
    """Return the format and the header as stored. Raises like `inspect_image`."""
    try:
        _check_byte_count(len(data), limits)
        format = detect_format(data)
        if format is None:
            raise _unsupported_format_error(data)
        return format, check_structure(data, format, limits)
    except InvalidImage as error:
        raise to_invalid_request(error, param) from error


def _check_byte_count(size: int, limits: Limits) -> None:
    if not size:
        raise InvalidImage("empty_image_file", "is an empty file. Send the bytes of an image file.")
    if size > limits.image_bytes:
        message = (
            f"has {size} bytes; at most {limits.image_bytes} are accepted. Compress or scale it."
        )
        raise InvalidImage("image_file_too_large", message)


def _unsupported_format_error(data: bytes) -> InvalidImage:
    name = guess_file_type(data)
    problem = (
        "is not in a known image format" if name == "unknown" else f"is {_add_article(name)} file"
    )
    message = f"{problem}; {_ACCEPTED_FORMATS} are accepted. Convert it first."
    return InvalidImage("unsupported_image_format", message)


def _add_article(name: str) -> str:
    """Return the name with its article, chosen by sound: "a HEIC", "an AVIF". For names from `guess_file_type`."""
    vowel = name[0] in "AEIO" or name in ("SVG", "HTML", "XML", "MP4 or QuickTime video")
    return f"{'an' if vowel else 'a'} {name}"
