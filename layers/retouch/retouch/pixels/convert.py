"""Decode, turn upright, scale, encode: everything that changes a picture's bytes but not its content."""

from __future__ import annotations

import zlib
from typing import Any

from PIL import Image

from retouch.messages import Picture, Size
from retouch.pixels.header import Header
from retouch.pixels.inspect import examine
from retouch.pixels.pillow import load, save
from retouch.pixels.refusal import UnfitError, refusal
from retouch.pixels.structure import essence

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# By measurement (docs/speed.md). Runs are all that is looked for in PNG: beyond them, the lines of a
# photo hold next to nothing that zlib's fast levels would find.
_PNG = {"compress_level": 1, "compress_type": zlib.Z_RLE}
_LOSSLESS = {"method": 0, "quality": 0}  # for lossless WebP both are effort
_QUALITY = 95
_WEBP_METHOD = 2  # half the time of Pillow's default, 4, at the same size
_TELLING = ("icc_profile", "transparency")
_GREY_STEP = {2: 85, 4: 17, 8: 1, 16: 1 / 256}  # what one step of n bits is in 8 bits


def decode(source: Picture | bytes, *, param: str = "image") -> Image.Image:
    """The pixels, upright, as "L", "RGB" or "RGBA" (whatever is transparent comes as RGBA).

    A colour profile stays in `info["icc_profile"]`; all other metadata is gone. Raises InvalidRequest
    like `inspect`, and with image_parse_error where only the decoder finds the damage.
    """
    image, header = decode_stored(source, param=param)
    image = plain(image)  # by this name, so that what it was before makes room
    return turn(image, header)


def decode_stored(source: Picture | bytes, *, param: str) -> tuple[Image.Image, Header]:
    """The pixels as stored, neither turned nor converted. Raises like `decode`.

    `info` says what the pixels mean, and nothing else: a copy without the rest would be one too many.
    """
    data = source if isinstance(source, bytes) else source.data
    format, header = examine(data, param=param)
    try:
        image = load(essence(data, format), format, (header.width, header.height))
    except UnfitError as unfit:
        raise refusal(unfit, param) from unfit
    image.info = {name: fact for name, fact in image.info.items() if name in _TELLING}
    _scale_transparency(image, data[24] if format == "png" else 8)
    return image, header


def turn(image: Image.Image, header: Header) -> Image.Image:
    """The image as it is displayed."""
    method = _TURNS.get(header.orientation)
    return image.transpose(method) if method is not None else image


def plain(image: Image.Image) -> Image.Image:
    """The same picture as "L", "RGB" or "RGBA", with nothing in `info` but an RGB colour profile.

    One that is all that already is returned itself.
    """
    profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA", "P") else None
    kept: dict[str | tuple[int, int], Any] = {"icc_profile": profile} if profile else {}
    ready = _in_plain_mode(image)
    if ready.info != kept:
        ready = ready.copy() if ready is image else ready
        ready.info = kept
    return ready


def _in_plain_mode(image: Image.Image) -> Image.Image:
    if image.mode == "I;16":
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    if image.mode != "RGBA" and image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "RGBA"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def encode(image: Image.Image, format: str, *, compression: int | None = None) -> bytes:
    """A "png", "jpeg" or "webp" file without metadata; an RGB colour profile in `info` is kept.

    `compression` is OpenAI's output_compression, 0..100, and means the quality of JPEG and WebP
    (95 where it is None); PNG is lossless and ignores it. JPEG has no transparency: it is flattened
    on white. docs/speed.md says what other settings would cost.
    """
    ready = plain(image)
    options: dict[str, Any] = {"icc_profile": ready.info.get("icc_profile")}
    if format == "png":
        return save(ready, format, **_PNG, **options)
    quality = _QUALITY if compression is None else max(1, compression)
    if format == "jpeg":
        return save(flatten(ready), format, quality=quality, **options)
    return save(ready, format, quality=quality, method=_WEBP_METHOD, **options)


def encode_exactly(image: Image.Image, format: str) -> bytes:
    """The same without loss where the format can: PNG, and WebP in its lossless form."""
    if format != "webp":
        return encode(image, format)
    ready = plain(image)
    profile = ready.info.get("icc_profile")
    return save(ready, format, lossless=True, exact=True, icc_profile=profile, **_LOSSLESS)


def encode_kept(image: Image.Image, format: str, *, compression: int | None) -> bytes:
    """For pixels that are to stay as they are: with a loss only where the format, or `compression`, means one."""
    if format == "webp" and compression in (None, 100):
        return encode_exactly(image, format)
    return encode(image, format, compression=compression)


def see_through(image: Image.Image) -> bool:
    """Whether any pixel is less than opaque."""
    if image.mode != "RGBA":
        return False
    return image.getchannel("A").histogram()[255] < image.width * image.height


def resize(image: Image.Image, size: Size) -> Image.Image:
    """Scaled to (width, height) with Lanczos; colours under transparent pixels do not bleed out."""
    return plain(image).resize(size, Image.Resampling.LANCZOS)


def flatten(image: Image.Image, colour: str = "white") -> Image.Image:
    """The image on a ground of that colour, "L" or "RGB"."""
    ready = plain(image)
    if ready.mode != "RGBA":
        return ready
    ground = Image.new("RGB", ready.size, colour)
    ground.paste(ready, mask=ready)
    ground.info = ready.info
    return ground


def _scale_transparency(image: Image.Image, depth: int) -> None:
    """Pillow scales grey and colour levels to 8 bits, but not the level that a tRNS chunk names."""
    level = image.info.get("transparency")
    if level is None or image.mode in ("1", "P") or isinstance(level, bytes):
        return
    step = _GREY_STEP.get(depth, 1)
    levels = level if isinstance(level, tuple) else (level,)
    scaled = tuple(int(value * step) for value in levels)
    image.info["transparency"] = scaled if isinstance(level, tuple) else scaled[0]
