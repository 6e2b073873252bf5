"""The image formats: those that the gateway reads, those that providers take, and those that results have.

Every other module reads them from here.
"""

from __future__ import annotations

from collections.abc import Sequence

from retouch.core.frozen_dataclass import frozen_dataclass

# The formats that the gateway reads: input images, masks and the results of providers.
INPUT_FORMATS = ("png", "jpeg", "webp", "heic", "avif", "gif", "tiff", "bmp")
INPUT_MEDIA_TYPES = (*(f"image/{name}" for name in INPUT_FORMATS), "image/heif")
# The formats that a provider takes unless its model's capabilities say otherwise. The gateway converts the others.
UPSTREAM_FORMATS = ("png", "jpeg", "webp")
# The formats that a caller can ask for, and that the results of an edit have.
OUTPUT_FORMATS = ("png", "jpeg", "webp")

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
)
# Image formats that the gateway does not accept. A provider or its CDN may return one of them.
_OTHER_SIGNATURES = (
    (b"\0\0\0\x0cjP  ", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"\0\0\0\x0cJXL ", "jxl"),
    (b"\xff\x0a", "jxl"),
    (b"\0\0\1\0", "ico"),
    (b"8BPS", "psd"),
    (b"qoif", "qoi"),
    (b"\x76\x2f\x31\x01", "exr"),
    (b"II+\0", "bigtiff"),
    (b"MM\0+", "bigtiff"),
)
OTHER_FORMATS = tuple(dict.fromkeys(name for _, name in _OTHER_SIGNATURES))
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_AVIF_BRANDS = (b"avif", b"avis")
_GENERAL_BRANDS = (b"mif1", b"msf1")  # any codec; the compatible brands name it
_MAX_BRAND_BYTES = 256


@frozen_dataclass
class ColourFacts:
    """How the levels of a file differ from 8-bit grey or RGB levels in sRGB. The defaults are those of such a file."""

    has_16_bits: bool = False  # a channel
    is_cmyk: bool = False
    has_other_colours: bool = False  # a profile or colour codes other than those of sRGB
    colour_name: str = ""  # of the colour space, if it is another one and the file names it


COMMON_COLOURS = ColourFacts()


@frozen_dataclass
class ImageHeader:
    """The header of an image file.

    Sizes are in pixels as stored. `orientation` is EXIF's 1..8, and 5..8 swap the sides. `colours` is read for the
    images of a request only.
    """

    width: int
    height: int
    has_alpha: bool
    orientation: int = 1
    colours: ColourFacts = COMMON_COLOURS

    @property
    def displayed_size(self) -> tuple[int, int]:
        """Return width and height after the orientation is applied."""
        size = (self.width, self.height)
        return size if self.orientation < 5 else size[::-1]


def list_formats(formats: Sequence[str]) -> str:
    """Return the names of at least two formats for a message: "PNG, JPEG and WebP"."""
    names = [name.upper().replace("WEBP", "WebP") for name in formats]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def detect_format(data: bytes) -> str | None:
    """Return one of INPUT_FORMATS by the first bytes alone, or None for any other file. 12 bytes are enough.

    A HEIF file whose major brand names no codec is "avif" when a compatible brand within `data` says so, else "heic".
    """
    for signature, format in _SIGNATURES:
        if data.startswith(signature):
            return format
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp":
        return _detect_heif(data)
    # Two letters are a weak signature. A BMP header has a zero byte among its sizes, and text has none.
    return "bmp" if data[:2] == b"BM" and b"\0" in data[2:12] else None


def detect_other_format(data: bytes) -> str | None:
    """Return the name of an image format in OTHER_FORMATS, by the first bytes alone, or None."""
    return next((name for start, name in _OTHER_SIGNATURES if data.startswith(start)), None)


def _detect_heif(data: bytes) -> str | None:
    major_brand = bytes(data[8:12])
    if major_brand in _AVIF_BRANDS:
        return "avif"
    if major_brand in _HEIC_BRANDS:
        return "heic"
    if major_brand not in _GENERAL_BRANDS:
        return None
    end = min(int.from_bytes(data[:4]), _MAX_BRAND_BYTES)
    brands = {bytes(data[at : at + 4]) for at in range(16, end, 4)}
    return "avif" if brands.intersection(_AVIF_BRANDS) else "heic"
