"""From bytes to a Picture, or to a sentence that says what is wrong with them."""

from __future__ import annotations

from retouch.messages import Picture
from retouch.pixels.header import Header
from retouch.pixels.limits import DEFAULT, Limits
from retouch.pixels.refusal import UnfitError, refusal
from retouch.pixels.sniff import guess, sniff
from retouch.pixels.structure import check


def inspect(data: bytes, *, param: str = "image", limits: Limits = DEFAULT) -> Picture:
    """Check a file and describe it; nothing is decoded and Pillow is not loaded.

    `param` names it in errors; "image[1]" is spoken of as "Image 2".
    Raises InvalidRequest (400; TooLarge with 413 for too many bytes) with `param` and one of these
    codes: empty_image_file, image_file_too_large, unsupported_image_format, image_parse_error,
    image_truncated, image_too_large, image_animated, image_metadata_too_large.
    """
    format, header = examine(data, param=param, limits=limits)
    width, height = header.displayed
    return Picture(data, format, width, height, header.has_alpha, header.orientation != 1)


def examine(data: bytes, *, param: str = "image", limits: Limits = DEFAULT) -> tuple[str, Header]:
    """The format and the header as stored. Raises like `inspect`."""
    try:
        _check_bytes(len(data), limits)
        format = sniff(data)
        if format is None:
            raise _unsupported(data)
        return format, check(data, format, limits)
    except UnfitError as unfit:
        raise refusal(unfit, param) from unfit


def _check_bytes(size: int, limits: Limits) -> None:
    if not size:
        raise UnfitError("empty_image_file", "is an empty file. Send a PNG, JPEG or WebP file.")
    if size > limits.image_bytes:
        text = f"has {size} bytes; at most {limits.image_bytes} are accepted. Compress or scale it."
        raise UnfitError("image_file_too_large", text)


def _unsupported(data: bytes) -> UnfitError:
    name = guess(data)
    what = (
        "is not a picture that is known here" if name == "unknown" else f"is {_article(name)} file"
    )
    text = f"{what}; PNG, JPEG and WebP are accepted. Convert it first."
    return UnfitError("unsupported_image_format", text)


def _article(name: str) -> str:
    """ "a HEIC", "an AVIF": by sound, for the names that `guess` has."""
    vowel = name[0] in "AEIO" or name in ("SVG", "HTML", "XML", "MP4 or QuickTime video")
    return f"{'an' if vowel else 'a'} {name}"
