"""Decodes and encodes images, restricted to a maximum number of pixels and to the decoder of the detected format."""

from __future__ import annotations

from importlib import import_module
from io import BytesIO
from typing import Any

from retouch.core.edit_types import EncodedImage
from retouch.core.geometry import Size
from retouch.core.image_formats import ImageHeader
from retouch.imaging.errors import InvalidImage, damaged_image_error, to_invalid_request
from retouch.imaging.formats.jpeg_coefficients import check_coefficient_bytes
from retouch.imaging.formats.structure import is_16bit_png, strip_metadata
from retouch.imaging.free_memory import release_free_memory
from retouch.imaging.inspect import check_file
from retouch.imaging.limits import DEFAULT_LIMITS
from retouch.imaging.pillow import Image, restrict_pillow
from retouch.imaging.png_16bit import decode_16bit, rounding_table
from retouch.imaging.png_inflate import is_photo, iter_stored_data
from retouch.imaging.png_writer import write_photo

_PILLOW_FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
_LARGE_IMAGE_PIXELS = 8_000_000  # beside an image of this size, memory that was freed before counts


def load_with_pillow(
    data: bytes, format: str, size: tuple[int, int], raw_mode: str | None = None
) -> Image.Image:
    """Decode a checked file of `size` pixels.

    `raw_mode` is the raw mode of Pillow that says what the bytes of a pixel are; None is that of the file. Raises
    InvalidImage when the decoder finds the file damaged or finds another size.
    """
    image = _load_photo(data, size) if format == "png" and is_photo(data) else None
    if image:
        return image
    try:
        with Image.open(BytesIO(data), formats=[_PILLOW_FORMATS[format]]) as image:
            if image.size == size:
                if raw_mode:
                    image.tile = [tile._replace(args=raw_mode) for tile in image.tile]
                image.load()
                return image
    # Plugins raise many error types: OSError, SyntaxError, ValueError, struct.error and others.
    except Exception as error:
        raise damaged_image_error(f"its {format.upper()} data is broken") from error
    raise damaged_image_error(f"its {format.upper()} data has another size than its header states")


def _load_photo(data: bytes, size: Size) -> Image.Image | None:
    """Decode a PNG with ISA-L. Returns None when it fails, because only zlib says whether a file is damaged."""
    try:
        with Image.open(BytesIO(data), formats=[_PILLOW_FORMATS["png"]]) as image:
            stored_data = iter_stored_data(data)
            # Pillow reads the data of the image with this method.
            image.load_read = lambda _: next(stored_data, b"")  # type: ignore[attr-defined]
            image.load()
            return image if image.size == size else None
    except Exception:  # for the reason given above
        return None


def _load_as_stored(
    data: bytes, format: str, header: ImageHeader, levels_16bit: bytes | None
) -> Image.Image:
    """Decode a checked file. The decoders of formats that few requests need are imported on demand.

    Raises InvalidImage when the decoder finds the file damaged or finds another size, or needs too much memory.
    """
    size = (header.width, header.height)
    _release_before_large(size)
    if format in _PILLOW_FORMATS:
        if format == "jpeg":
            check_coefficient_bytes(data, DEFAULT_LIMITS)
        return _load_8bit(strip_metadata(data, format), format, size, levels_16bit)
    restrict_pillow()  # the decoders import other plugins of Pillow, perhaps before anything else of it
    decoder = import_module(f"retouch.imaging.decoders.{format}")
    try:
        image: Image.Image = decoder.load(data)
    except InvalidImage:
        raise
    # Decoders raise many error types, for the reason given above.
    except Exception as error:
        raise damaged_image_error(f"its {format.upper()} data is broken") from error
    return _require_size(image, format, size)


def _release_before_large(size: Size) -> None:
    """Give freed memory back to the system before a large image of that size is made."""
    if size[0] * size[1] >= _LARGE_IMAGE_PIXELS:
        release_free_memory()


def _load_8bit(data: bytes, format: str, size: Size, levels_16bit: bytes | None) -> Image.Image:
    def load(raw_mode: str | None) -> Image.Image:
        return load_with_pillow(data, format, size, raw_mode)

    if not is_16bit_png(data, format):
        return load(None)
    return decode_16bit(load, data[25], levels_16bit or rounding_table())


def _require_size(image: Image.Image, format: str, size: tuple[int, int]) -> Image.Image:
    if image.size != size:
        raise damaged_image_error(
            f"its {format.upper()} data has another size than its header states"
        )
    return image


def save_with_pillow(image: Image.Image, format: str, **options: int | bytes | None) -> bytes:
    """Encode the image with options of the Pillow plugin.

    Plugins also write what `image.info` holds, so the caller must empty it first.
    """
    buffer = BytesIO()
    image.save(buffer, _PILLOW_FORMATS[format], **options)
    return buffer.getvalue()


_TRANSPOSITIONS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
# These settings were measured (docs/speed.md).
_LOSSLESS_WEBP_OPTIONS = {"method": 0, "quality": 0}  # for lossless WebP both values mean effort
_DEFAULT_QUALITY = 95
_WEBP_METHOD = 2  # takes half the time of Pillow's default (4) for the same size
_PRESERVED_INFO_KEYS = ("icc_profile", "transparency")
# Maps a bit depth to the value of one of its steps in 8-bit levels. Pillow itself reads 1 bit.
_STEP_BY_DEPTH = {2: 85, 4: 17, 8: 1}


def decode(source: EncodedImage | bytes, *, param: str = "image") -> Image.Image:
    """Return the pixels, upright, as "L", "RGB" or "RGBA". An image with any transparency is "RGBA".

    A colour profile stays in `info["icc_profile"]`; all other metadata is dropped. Raises InvalidRequest like
    `inspect_image`, and InvalidRequest (image_parse_error) when only the decoder finds the damage.
    """
    image, header = decode_as_stored(source, param=param)
    # Reuse the name, so that the memory of the first image is freed.
    image = normalize_mode(image)
    return apply_orientation(image, header)


def decode_as_stored(
    source: EncodedImage | bytes, *, param: str, levels_16bit: bytes | None = None
) -> tuple[Image.Image, ImageHeader]:
    """Return the pixels as stored but with 8 bits a channel, without orientation, and the header.

    `levels_16bit` gives the 8-bit level of each 16-bit level of a PNG; None rounds. `info` holds only the entries that
    define the meaning of the pixels. They are filtered here, because a later copy of the image without the other
    entries would need memory for one more image. Raises like `decode`.
    """
    data, format, header = _check_file_once(source, param)
    try:
        image = _load_as_stored(data, format, header, levels_16bit)
    except InvalidImage as error:
        raise to_invalid_request(error, param) from error
    image.info = {name: value for name, value in image.info.items() if name in _PRESERVED_INFO_KEYS}
    _scale_transparency(image, data[24] if format == "png" else 8)
    return image, header


def _check_file_once(source: EncodedImage | bytes, param: str) -> tuple[bytes, str, ImageHeader]:
    """Return the bytes, the format and the header. A file that was checked before is not checked again."""
    if isinstance(source, bytes):
        return source, *check_file(source, param=param)
    if source.header:
        return source.data, source.format, source.header
    return source.data, *check_file(source.data, param=param)


def apply_orientation(image: Image.Image, header: ImageHeader) -> Image.Image:
    """Return the image as it is displayed, with its EXIF orientation applied."""
    transposition = _TRANSPOSITIONS.get(header.orientation)
    if transposition is None:
        return image
    _release_before_large(image.size)
    return image.transpose(Image.Transpose[transposition])


def normalize_mode(image: Image.Image) -> Image.Image:
    """Return the same image as "L", "RGB" or "RGBA", with nothing in `info` but an RGB colour profile.

    An image that already meets this is returned unchanged.
    """
    profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA", "P") else None
    preserved_info: dict[str | tuple[int, int], Any] = {"icc_profile": profile} if profile else {}
    normalized = _convert_mode(image)
    if normalized.info != preserved_info:
        normalized = normalized.copy() if normalized is image else normalized
        normalized.info = preserved_info
    return normalized


def _convert_mode(image: Image.Image) -> Image.Image:
    """Return the image as "L", "RGB" or "RGBA", whichever holds its content."""
    if image.mode == "I;16":
        image = image.point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if image.mode != "RGBA" and image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "RGBA"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def encode(image: Image.Image, format: str, *, compression: int | None = None) -> bytes:
    """Return the image as a file in that format: "png", "jpeg" or "webp".

    `compression` is OpenAI's output_compression, 0..100. It is the quality of JPEG and WebP, and None means 95. PNG is
    lossless and ignores it. JPEG has no transparency, so the image is flattened on white. docs/speed.md gives the cost
    of other settings.
    """
    _release_before_large(image.size)
    normalized = normalize_mode(image)
    options: dict[str, Any] = {"icc_profile": normalized.info.get("icc_profile")}
    if format == "png":
        return write_photo(normalized, options["icc_profile"])
    quality = _DEFAULT_QUALITY if compression is None else max(1, compression)
    if format == "jpeg":
        return save_with_pillow(flatten(normalized), format, quality=quality, **options)
    return save_with_pillow(normalized, format, quality=quality, method=_WEBP_METHOD, **options)


def encode_photo(image: Image.Image) -> bytes:
    """Return an opaque image as a JPEG of high quality, whose colours have the full resolution."""
    normalized = normalize_mode(image)
    return save_with_pillow(
        flatten(normalized),
        "jpeg",
        quality=_DEFAULT_QUALITY,
        subsampling=0,
        icc_profile=normalized.info.get("icc_profile"),
    )


def encode_lossless(image: Image.Image, format: str) -> bytes:
    """Encode like `encode`, but lossless where the format allows it: PNG, and WebP in its lossless form."""
    if format != "webp":
        return encode(image, format)
    normalized = normalize_mode(image)
    profile = normalized.info.get("icc_profile")
    return save_with_pillow(
        normalized, format, lossless=True, exact=True, icc_profile=profile, **_LOSSLESS_WEBP_OPTIONS
    )


def encode_preserved(image: Image.Image, format: str, *, compression: int | None) -> bytes:
    """Encode an image whose original pixels must stay unchanged.

    The file is lossless unless the format is JPEG, or unless `compression` below 100 asks for lossy WebP.
    """
    if format == "webp" and compression in (None, 100):
        return encode_lossless(image, format)
    return encode(image, format, compression=compression)


def has_transparency(image: Image.Image) -> bool:
    """Return whether any pixel is not fully opaque."""
    if image.mode != "RGBA":
        return False
    return image.getchannel("A").histogram()[255] < image.width * image.height


def resize(image: Image.Image, size: Size) -> Image.Image:
    """Return the image scaled to (width, height) with Lanczos. Colours of transparent pixels do not bleed."""
    return normalize_mode(image).resize(size, Image.Resampling.LANCZOS)


def flatten(image: Image.Image, colour: str = "white") -> Image.Image:
    """Return the image on a background of that colour, as "L" or "RGB"."""
    normalized = normalize_mode(image)
    if normalized.mode != "RGBA":
        return normalized
    background = Image.new("RGB", normalized.size, colour)
    background.paste(normalized, mask=normalized)
    background.info = normalized.info
    return background


def _scale_transparency(image: Image.Image, depth: int) -> None:
    """Scale the transparent level in `info` to 8 bits.

    Pillow scales grey and colour levels to 8 bits, but it does not scale the level that a tRNS chunk names. Bits above
    the depth of the image have no meaning there.
    """
    level = image.info.get("transparency")
    if level is None or image.mode in ("1", "P") or isinstance(level, bytes):
        return
    step = _STEP_BY_DEPTH.get(depth, 1)
    levels = level if isinstance(level, tuple) else (level,)
    scaled = tuple((value & ((1 << depth) - 1)) * step for value in levels)
    image.info["transparency"] = scaled if isinstance(level, tuple) else scaled[0]
