"""BMP: check the header and that the pixels are there."""

from __future__ import annotations

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.image_formats import ImageHeader
from retouch.imaging.errors import (
    InvalidImage,
    check_dimensions,
    damaged_image_error,
    truncated_image_error,
)
from retouch.imaging.formats.binary_reader import ByteReader
from retouch.imaging.limits import Limits

RLE8, RLE4 = 1, 2
_UNCOMPRESSED, _BITFIELDS, _JPEG, _PNG = 0, 3, 4, 5
_FILE_HEADER_BYTES, _CORE_HEADER_BYTES, _V5_HEADER_BYTES = 14, 12, 124
_HEADER_SIZES = (_CORE_HEADER_BYTES, 40, 52, 56, 64, 108, _V5_HEADER_BYTES)
_DEPTHS = {
    _UNCOMPRESSED: (1, 4, 8, 16, 24, 32),
    RLE8: (8,),
    RLE4: (4,),
    _BITFIELDS: (16, 24, 32),
}
# The masks of red, green, blue and alpha that the decoder knows for each depth. Masks of 0 mean the usual ones.
_CHANNEL_MASKS = {
    16: ((0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F)),
    24: ((0xFF0000, 0xFF00, 0xFF),),
    32: (
        (0xFF0000, 0xFF00, 0xFF, 0),
        (0xFF000000, 0xFF0000, 0xFF00, 0),
        (0xFF000000, 0xFF00, 0xFF, 0),
        (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
        (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
        (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
        (0xFF000000, 0xFF00, 0xFF, 0xFF0000),
        (0, 0, 0, 0),
    ),
}
_EMBEDDED_PROFILE = b"DEBM"  # "MBED" as a little-endian number
_MAX_RLE_BYTES = 8_000_000  # the time to expand runs depends on their number


@frozen_dataclass
class BmpLayout:
    """The fields of a BMP header. Positions are byte offsets in the file. `masks` are those of the channels."""

    header_bytes: int
    width: int
    height: int
    is_top_down: bool
    depth: int
    compression: int
    colours: int
    masks: tuple[int, int, int, int]
    palette_start: int
    pixel_start: int

    @property
    def palette_entry_bytes(self) -> int:
        """Return the bytes of a colour in the palette."""
        return 3 if self.header_bytes == _CORE_HEADER_BYTES else 4

    @property
    def has_alpha(self) -> bool:
        """Return whether the header declares an alpha channel. Without a mask, the fourth byte has no meaning."""
        return self.depth == 32 and self.compression == _BITFIELDS and self.masks[3] != 0

    @property
    def is_run_length_coded(self) -> bool:
        """Return whether the pixels are RLE8 or RLE4."""
        return self.compression in (RLE8, RLE4)


def check_structure(data: bytes, limits: Limits) -> ImageHeader:
    """Check the header of a BMP and that its pixels are complete. Raises InvalidImage."""
    layout = read_layout(data)
    check_dimensions(layout.width, layout.height, limits)
    _check_pixel_format(layout)
    _check_completeness(data, layout)
    return ImageHeader(layout.width, layout.height, layout.has_alpha)


def read_icc_profile(data: bytes) -> bytes:
    """Return the ICC colour profile that a checked BMP embeds, or b"" when it has none."""
    start = _FILE_HEADER_BYTES
    if int.from_bytes(data[start : start + 4], "little") != _V5_HEADER_BYTES:
        return b""
    if data[start + 56 : start + 60] != _EMBEDDED_PROFILE:
        return b""
    offset, size = (
        int.from_bytes(data[start + at : start + at + 4], "little") for at in (112, 116)
    )
    return data[start + offset : start + offset + size]


def read_layout(data: bytes) -> BmpLayout:
    """Return the fields of the header. Raises InvalidImage when the header is too short or has an unknown size."""
    reader = ByteReader(data, 10, len(data), name="BMP", byte_order="little")
    pixel_start, header_bytes = reader.uint(4), reader.uint(4)
    if header_bytes not in _HEADER_SIZES:
        raise damaged_image_error(f"the BMP states a header of {header_bytes} bytes")
    field_bytes = 2 if header_bytes == _CORE_HEADER_BYTES else 4
    width, raw_height = reader.uint(field_bytes), reader.uint(field_bytes)
    reader.skip(2)  # planes
    depth = reader.uint(2)
    header_end = _FILE_HEADER_BYTES + header_bytes
    compression, colours = (
        (_UNCOMPRESSED, 0) if field_bytes == 2 else _read_compression(data, header_end)
    )
    is_top_down = field_bytes == 4 and raw_height >= 1 << 31
    masks, masks_end = _read_masks(data, header_bytes, compression)
    return BmpLayout(
        header_bytes,
        width,
        (1 << 32) - raw_height if is_top_down else raw_height,
        is_top_down,
        depth,
        compression,
        colours or (1 << depth if depth <= 8 else 0),
        masks,
        max(header_end, masks_end),
        pixel_start,
    )


def _read_compression(data: bytes, header_end: int) -> tuple[int, int]:
    """Return the compression and the number of colours in the palette. 0 colours mean as many as the depth allows."""
    reader = ByteReader(data, 30, header_end, name="BMP", byte_order="little")
    compression = reader.uint(4)
    reader.skip(12)
    return compression, reader.uint(4)


def _read_masks(
    data: bytes, header_bytes: int, compression: int
) -> tuple[tuple[int, int, int, int], int]:
    """Return the masks of red, green, blue and alpha, and the position after them."""
    if compression != _BITFIELDS:
        return (0, 0, 0, 0), 0
    reader = ByteReader(data, 54, len(data), name="BMP", byte_order="little")
    red, green, blue = reader.uint(4), reader.uint(4), reader.uint(4)
    alpha = reader.uint(4) if header_bytes >= 56 else 0
    return (red, green, blue, alpha), reader.position


def _check_pixel_format(layout: BmpLayout) -> None:
    """Raise InvalidImage for a combination of compression, depth and masks that cannot be decoded."""
    if layout.compression in (_JPEG, _PNG):
        name = "JPEG" if layout.compression == _JPEG else "PNG"
        raise _unsupported_bmp_error(f"holds {name} data", f"Send that {name} file")
    if layout.depth not in _DEPTHS.get(layout.compression, ()):
        raise _unsupported_bmp_error(
            f"has {layout.depth} bits a pixel with compression {layout.compression}",
            "Save it with 24 bits a pixel",
        )
    if layout.is_run_length_coded and layout.is_top_down:
        raise damaged_image_error("the BMP is compressed, but stored from top to bottom")
    if layout.compression != _BITFIELDS:
        return
    masks = layout.masks if layout.depth == 32 else layout.masks[:3]
    if masks not in _CHANNEL_MASKS[layout.depth]:
        raise _unsupported_bmp_error("has unusual channel masks", "Save it with 24 bits a pixel")


def _unsupported_bmp_error(problem: str, remedy: str) -> InvalidImage:
    return InvalidImage(
        "unsupported_image_format", f"is a BMP that {problem}, which is not accepted. {remedy}."
    )


def _check_completeness(data: bytes, layout: BmpLayout) -> None:
    """Raise InvalidImage unless the palette and the pixels lie inside the file."""
    if layout.depth <= 8 and not 1 <= layout.colours <= 256:
        raise damaged_image_error(f"the BMP states a palette of {layout.colours} colours")
    palette_bytes = layout.colours * layout.palette_entry_bytes if layout.depth <= 8 else 0
    if layout.pixel_start < layout.palette_start + palette_bytes:
        raise damaged_image_error("the BMP's pixels overlap its header")
    if layout.is_run_length_coded:
        _check_run_bytes(len(data) - layout.pixel_start)
        return
    stride = (layout.width * layout.depth + 31) // 32 * 4
    if layout.pixel_start + stride * layout.height > len(data):
        raise truncated_image_error("the BMP's pixels reach beyond the end of the file")


def _check_run_bytes(size: int) -> None:
    if size < 2:
        raise truncated_image_error("the BMP has no pixels")
    if size > _MAX_RLE_BYTES:
        raise _unsupported_bmp_error(
            f"has {size} bytes of run-length coded pixels; at most {_MAX_RLE_BYTES} are",
            "Save it without compression",
        )
