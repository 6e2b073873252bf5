"""TIFF: check the tags of a file with one page, and write a directory that holds only what the pixels need."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.image_formats import ImageHeader
from retouch.imaging.errors import (
    InvalidImage,
    check_dimensions,
    damaged_image_error,
    truncated_image_error,
)
from retouch.imaging.formats.tiff_directory import (
    Directory,
    Tag,
    read_directories,
    write_directory,
)
from retouch.imaging.limits import Limits

_COMPRESSIONS = {
    1: "none",
    2: "CCITT",
    3: "CCITT",
    4: "CCITT",
    5: "LZW",
    7: "JPEG",
    8: "Deflate",
    32946: "Deflate",
    32773: "PackBits",
}
_ACCEPTED_COMPRESSIONS = "none, LZW, Deflate, PackBits, JPEG and CCITT are"
_UNCOMPRESSED, _CCITT, _JPEG = 1, (2, 3, 4), 7
_INVERTED_GREY, _GREY, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
# The photometric interpretation -> the channels and the bits a channel that are accepted.
_CHANNELS = {_INVERTED_GREY: 1, _GREY: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3}
_DEPTHS = {
    _INVERTED_GREY: (1, 2, 4, 8, 16),
    _GREY: (1, 2, 4, 8, 16),
    _RGB: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _CMYK: (8, 16),
    _YCBCR: (8,),
}
_MODELS = {_INVERTED_GREY: "GRAY", _GREY: "GRAY", _CMYK: "CMYK"}  # others are RGB
_STRAIGHT_ALPHA = 2
_ALPHA_KINDS = (1, _STRAIGHT_ALPHA)  # the values of ExtraSamples that mean alpha
_MAX_SEGMENT_BYTES = 160_000_000  # the decoder holds one decoded strip or tile beside the image
_RAW_CAMERA_TAGS = {Tag.DNG_VERSION: "DNG", Tag.CFA_PATTERN: "raw"}


@frozen_dataclass
class TiffLayout:
    """How the pixels of a page are stored. Sizes are in pixels, the depth in bits a channel."""

    width: int
    height: int
    depth: int
    samples: int  # channels with the extra ones
    photometric: int
    compression: int
    extra_samples: tuple[int, ...]
    is_planar: bool

    @property
    def has_alpha(self) -> bool:
        """Return whether an extra channel is alpha. RGB with four channels and no statement has alpha too."""
        if self.extra_samples:
            return self.extra_samples[0] in _ALPHA_KINDS
        return self.photometric == _RGB and self.samples == 4

    @property
    def is_straight_rgba(self) -> bool:
        """Return whether the colours are RGB with an alpha channel by which they are not multiplied."""
        has_straight_alpha = self.extra_samples in ((), (_STRAIGHT_ALPHA,))
        return self.photometric == _RGB and self.samples == 4 and has_straight_alpha

    @property
    def is_inverted_16bit(self) -> bool:
        """Return whether it is 16-bit grey in which 0 is white. The decoder does not invert it."""
        return self.photometric == _INVERTED_GREY and self.depth == 16


def check_structure(data: bytes, limits: Limits) -> ImageHeader:
    """Check the directory of a TIFF, and that all pixel data lies inside the file. Raises InvalidImage."""
    directory = _read_page(data)
    layout = read_layout(directory)
    check_dimensions(layout.width, layout.height, limits)
    _check_layout(directory, layout)
    for tag in Tag.NEEDED:
        directory.raw(tag)
    _check_segments(data, directory, layout)
    orientation = directory.number(Tag.ORIENTATION, 1)
    return ImageHeader(
        layout.width,
        layout.height,
        layout.has_alpha,
        orientation if 1 <= orientation <= 8 else 1,
    )


def strip_metadata(data: bytes, *, profile: bool = True) -> bytes:
    """Return a checked TIFF with a directory that names only the pixels, the colours and the profile.

    The orientation is removed as well: the caller applies the one of the header. The old directories and their values
    stay in the file as bytes that no decoder reads.
    """
    directory = _read_page(data)
    removed_tags = () if profile else (Tag.ICC_PROFILE,)
    changed_values = {Tag.PHOTOMETRIC: _GREY} if read_layout(directory).is_inverted_16bit else {}
    return write_directory(data, directory, Tag.NEEDED - frozenset(removed_tags), changed_values)


def read_icc_profile(data: bytes) -> bytes:
    """Return the ICC colour profile of a checked TIFF, or b"" when it has none."""
    return _read_page(data).raw(Tag.ICC_PROFILE)


def is_8bit_grey_or_rgb(data: bytes) -> bool:
    """Return whether a checked TIFF has at most 8 bits a channel and is not CMYK."""
    layout = read_layout(_read_page(data))
    return layout.depth <= 8 and layout.photometric != _CMYK


def colour_model(data: bytes) -> str:
    """Return what the channels of a checked TIFF are, as an ICC signature."""
    return _MODELS.get(read_layout(_read_page(data)).photometric, "RGB")


def has_16_bits(data: bytes) -> bool:
    """Return whether a checked TIFF has 16 bits a channel."""
    return read_layout(_read_page(data)).depth == 16


def is_lossy(data: bytes) -> bool:
    """Return whether a checked TIFF holds JPEG data."""
    return _read_page(data).number(Tag.COMPRESSION, 1) == _JPEG


def is_inverted_16bit(data: bytes) -> bool:
    """Return whether a checked TIFF is 16-bit grey in which 0 is white. The decoder does not invert it."""
    return read_layout(_read_page(data)).is_inverted_16bit


def read_layout(directory: Directory) -> TiffLayout:
    """Return how the pixels are stored. Raises InvalidImage when a needed tag is missing."""
    extra_samples = directory.numbers(Tag.EXTRA_SAMPLES)
    photometric = directory.number(Tag.PHOTOMETRIC)
    depths = directory.numbers(Tag.BITS_PER_SAMPLE) or (1,)
    compression = directory.number(Tag.COMPRESSION, _UNCOMPRESSED)
    is_jpeg_colour = compression == _JPEG and photometric in (_RGB, _YCBCR)
    samples = directory.number(Tag.SAMPLES_PER_PIXEL, 3 if is_jpeg_colour else 1)
    if len(set(depths)) > 1:
        raise _unsupported_tiff_error(f"has channels of {_join(depths)} bits")
    return TiffLayout(
        directory.number(Tag.WIDTH),
        directory.number(Tag.HEIGHT),
        depths[0],
        samples,
        photometric,
        compression,
        extra_samples,
        directory.number(Tag.PLANAR_CONFIGURATION, 1) == 2 and samples > 1,
    )


def _read_page(data: bytes) -> Directory:
    """Return the directory of the only page. Raises InvalidImage for several pages or a camera's raw file."""
    first, *others = read_directories(data)
    for tag, name in _RAW_CAMERA_TAGS.items():
        if first.has(tag):
            raise _raw_camera_error(name)
    if first.is_reduced_copy:
        raise InvalidImage(
            "unsupported_image_format",
            "is a TIFF that begins with a small copy of its picture, as raw files of cameras do, which is not "
            "accepted. Send the picture alone as a JPEG, HEIC, PNG or TIFF file.",
        )
    pages = 1 + sum(not directory.is_reduced_copy for directory in others)
    if pages > 1:
        raise InvalidImage(
            "image_multipage",
            "is a TIFF with several pages; only files with one page are accepted. Save the page as a file of its own.",
        )
    return first


def _raw_camera_error(name: str) -> InvalidImage:
    return InvalidImage(
        "unsupported_image_format",
        f"is a {name} file of a camera, which is not accepted. Develop it and send a JPEG, HEIC, PNG or TIFF file.",
    )


def _check_layout(directory: Directory, layout: TiffLayout) -> None:
    """Raise InvalidImage for a way to store pixels that is not accepted."""
    if layout.compression not in _COMPRESSIONS:
        raise _unsupported_tiff_error(
            f"has compression {layout.compression} ({_ACCEPTED_COMPRESSIONS} accepted)"
        )
    kinds = directory.numbers(Tag.SAMPLE_FORMAT)
    if any(kind != 1 for kind in kinds):
        raise _unsupported_tiff_error("has signed or floating-point channels")
    if layout.depth not in _DEPTHS.get(layout.photometric, ()):
        raise _unsupported_tiff_error(
            f"has {layout.depth} bits a channel in colour space {layout.photometric}"
        )
    _check_channels(layout)
    _check_combination(layout)
    if layout.photometric == _PALETTE and not directory.has(Tag.COLOR_MAP):
        raise damaged_image_error("the TIFF has no palette")


def _check_channels(layout: TiffLayout) -> None:
    extra = layout.samples - _CHANNELS[layout.photometric]
    can_have_extra = layout.depth == 8 or layout.photometric == _RGB
    if extra < 0 or len(layout.extra_samples) > max(extra, 0):
        raise damaged_image_error("the TIFF states fewer channels than its colours need")
    if extra > (1 if can_have_extra else 0) or (extra and layout.photometric == _YCBCR):
        raise _unsupported_tiff_error(
            f"has {layout.samples} channels of {layout.depth} bits in colour space {layout.photometric}"
        )
    if extra and not layout.extra_samples and layout.photometric != _RGB:
        raise _unsupported_tiff_error("has an extra channel of unknown meaning")
    if extra:
        _check_extra_channel(layout)


def _check_extra_channel(layout: TiffLayout) -> None:
    """Raise InvalidImage for an extra channel that the decoder does not read, or reads wrongly."""
    if layout.photometric == _CMYK and layout.has_alpha:
        raise _unsupported_tiff_error("has CMYK colours with transparency")
    if layout.photometric == _INVERTED_GREY:
        raise _unsupported_tiff_error("has grey in which 0 is white, and an extra channel")
    is_grey_with_alpha = layout.photometric == _GREY and layout.has_alpha
    is_unread = layout.compression == _UNCOMPRESSED and not layout.is_straight_rgba
    if layout.is_planar and (is_unread or is_grey_with_alpha):
        raise _unsupported_tiff_error("stores an extra channel in a plane of its own")


def _check_combination(layout: TiffLayout) -> None:
    """Raise InvalidImage for a compression that does not fit the channels, or that the decoder reads wrongly."""
    if layout.compression in _CCITT and (layout.depth, layout.samples) != (1, 1):
        raise damaged_image_error("the TIFF has CCITT data with more than one bit a pixel")
    if layout.photometric == _YCBCR and layout.compression != _JPEG:
        raise _unsupported_tiff_error("has YCbCr colours without JPEG compression")
    if layout.compression == _JPEG and layout.depth != 8:
        raise damaged_image_error(f"the TIFF has JPEG data with {layout.depth} bits a channel")
    if layout.is_planar and (layout.depth == 16 or layout.compression == _JPEG):
        raise _unsupported_tiff_error("stores each channel in a plane of its own")


def _unsupported_tiff_error(problem: str) -> InvalidImage:
    return InvalidImage(
        "unsupported_image_format",
        f"is a TIFF that {problem}, which is not accepted. Save it with 8 bits a channel in RGB.",
    )


def _check_segments(data: bytes, directory: Directory, layout: TiffLayout) -> None:
    """Raise InvalidImage unless there are as many strips or tiles as the size needs, all inside the file."""
    is_tiled = directory.has(Tag.TILE_OFFSETS)
    width, height = _segment_size(directory, layout, is_tiled)
    planes = layout.samples if layout.is_planar else 1
    segment_bytes = ceil(width * layout.depth * layout.samples / planes / 8) * height
    if segment_bytes > _MAX_SEGMENT_BYTES:
        raise _unsupported_tiff_error(f"has strips or tiles of {segment_bytes} bytes")
    expected = ceil(layout.width / width) * ceil(layout.height / height) * planes
    tags = (
        (Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS)
        if is_tiled
        else (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS)
    )
    offsets, counts = (directory.numbers(tag) for tag in tags)
    if len(offsets) != expected or len(counts) != expected:
        raise damaged_image_error(
            f"the TIFF has {len(offsets)} strips or tiles instead of {expected}"
        )
    if any(offset + count > len(data) for offset, count in zip(offsets, counts, strict=True)):
        raise truncated_image_error("the TIFF's pixels reach beyond the end of the file")
    if layout.compression == _UNCOMPRESSED:
        last_rows = layout.height - (ceil(layout.height / height) - 1) * height
        last_bytes = segment_bytes if is_tiled else segment_bytes // height * last_rows
        _check_uncompressed_bytes(counts, segment_bytes, last_bytes, planes)


def _segment_size(directory: Directory, layout: TiffLayout, is_tiled: bool) -> tuple[int, int]:
    """Return width and height of a strip or tile in pixels."""
    if is_tiled:
        size = directory.number(Tag.TILE_WIDTH), directory.number(Tag.TILE_HEIGHT)
        if any(not 16 <= edge <= 16_384 or edge % 16 for edge in size):
            raise damaged_image_error(f"the TIFF has tiles of {size[0]}x{size[1]} pixels")
        return size
    rows = directory.number(Tag.ROWS_PER_STRIP, layout.height)
    if not rows:
        raise damaged_image_error("the TIFF has strips without rows")
    return layout.width, min(rows, layout.height)


def _check_uncompressed_bytes(
    counts: Sequence[int], segment_bytes: int, last_bytes: int, planes: int
) -> None:
    """Raise InvalidImage when a strip or tile without compression is too short. The last of a plane may be shorter."""
    short_counts = [count for count in counts if count < segment_bytes]
    if len(short_counts) > planes or any(count < last_bytes for count in short_counts):
        raise truncated_image_error("a strip of the TIFF is too short for its pixels")


def _join(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))
