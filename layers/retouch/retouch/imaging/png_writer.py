"""Writes PNG files: photos with a fast compressor, and masks line by line."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from isal import isal_zlib

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Box, Size
from retouch.imaging.formats.png import SIGNATURE
from retouch.imaging.masks.regions import split_into_bands
from retouch.imaging.pillow import Image, ImageChops

_SUB_FILTER, _UP_FILTER = b"\1", b"\2"
_COLOUR_TYPES = {"L": 0, "RGB": 2, "RGBA": 6}
# Compressing a photo with ISA-L takes a sixth of the time of zlib's fastest level, for the same size (docs/speed.md).
_PHOTO_COMPRESSION = 2
_RAW_DEFLATE = -isal_zlib.MAX_WBITS  # without the header and the checksum of zlib
_ZLIB_HEADER = b"\x78\x01"
_LAST_DEFLATE_BLOCK = b"\x03\x00"  # an empty block that is marked as the last
_ADLER_MODULUS = 65_521
# Pixels of a band of a photo. The band and its differences then stay in the processor's cache.
_PHOTO_BAND_PIXELS = 262_144


def write_photo(image: Image.Image, icc_profile: bytes | None) -> bytes:
    """Return an 8-bit PNG of an "L", "RGB" or "RGBA" image.

    Every pixel is stored as its difference to the pixel on its left, which is small in a photo. Pillow would try five
    filters on each line, which takes longer and makes files of the same size.
    """
    return join_lines(image.size, image.mode, [compress_lines([image])], icc_profile)


@frozen_dataclass
class CompressedLines:
    """Successive lines of a photo as a part of the data of a PNG. The parts of an image can be joined in order.

    A part does not refer to the lines above it: the filter of its first line stays within the line, and the compressor
    starts anew.
    """

    pieces: tuple[
        bytes, ...
    ]  # of a raw deflate stream, which ends at a whole byte and without its last block
    checksum: int  # Adler-32 of the lines before their compression
    byte_count: int  # of the lines before their compression


def compress_lines(images: Iterable[Image.Image]) -> CompressedLines:
    """Return the lines of images of one width and mode, one below the other, as a part of a PNG."""
    bands = (image.crop(band) for image in images for band in _iter_photo_bands(image.size))
    return compress_filtered_lines(map(sub_filter_lines, bands))


def compress_filtered_lines(bands: Iterable[bytes | memoryview]) -> CompressedLines:
    """Return lines that have their filters as a part of a PNG. The filter of the first stays within its line."""
    compressor = isal_zlib.compressobj(_PHOTO_COMPRESSION, isal_zlib.DEFLATED, _RAW_DEFLATE)
    pieces, checksum, byte_count = [], isal_zlib.adler32(b""), 0
    for lines in bands:
        pieces.append(compressor.compress(lines))
        checksum = isal_zlib.adler32(lines, checksum)
        byte_count += len(lines)
    pieces.append(compressor.flush(isal_zlib.Z_FULL_FLUSH))
    return CompressedLines(tuple(pieces), checksum, byte_count)


def join_lines(
    size: Size, mode: str, parts: Sequence[CompressedLines], icc_profile: bytes | None = None
) -> bytes:
    """Return the 8-bit PNG whose lines are those of the parts, from top to bottom."""
    checksum = isal_zlib.adler32(b"")
    for part in parts:
        checksum = combine_adler32(checksum, part.checksum, part.byte_count)
    pieces = [piece for part in parts for piece in part.pieces]
    stream = [_ZLIB_HEADER, *pieces, _LAST_DEFLATE_BLOCK, checksum.to_bytes(4)]
    return _build_file(size, mode, stream, icc_profile)


def combine_adler32(first: int, second: int, second_length: int) -> int:
    """Return the Adler-32 checksum of two byte strings, one after the other, from the checksum of each.

    Zlib has the same function, but Python does not offer it. Its lower half is 1 plus the sum of all bytes, and its
    upper half is the sum of all values of the lower half, both modulo 65521 (RFC 1950).
    """
    first_sum, second_sum = first & 0xFFFF, second & 0xFFFF
    low = (first_sum + second_sum - 1) % _ADLER_MODULUS
    high = ((first >> 16) + (second >> 16) + second_length * (first_sum - 1)) % _ADLER_MODULUS
    return high << 16 | low


def write_png(
    size: Size, mode: str, render_band: Callable[[Box], Image.Image], *, soft: bool
) -> bytes:
    """Return an 8-bit PNG of an "L", "RGB" or "RGBA" image.

    `render_band` returns the pixels of a box. It is called for a few lines at a time, because in colour a large mask
    needs four times its memory. `soft` says that the image has gradients.

    Every line is stored as its difference to the line above, which is nearly always zero in a mask. Pillow would try
    five filters on each line, which takes longer. Without gradients only runs can be compressed, so zlib searches for
    runs only.
    """
    compressor = zlib.compressobj(6) if soft else zlib.compressobj(1, strategy=zlib.Z_RLE)
    pieces = list(_compress_lines(_iter_up_filtered_lines(size, render_band), compressor))
    return _build_file(size, mode, pieces, None)


def _iter_photo_bands(size: Size) -> Iterator[Box]:
    """Yield the image in bands of full width."""
    width, height = size
    lines = max(1, _PHOTO_BAND_PIXELS // width)
    for top in range(0, height, lines):
        yield 0, top, width, min(height, top + lines)


def sub_filter_lines(band: Image.Image) -> bytes:
    """Return the lines with PNG's Sub filter: each pixel as its difference to the pixel on its left."""
    left = Image.new(band.mode, band.size)
    left.paste(band, (1, 0))
    changes = memoryview(ImageChops.subtract_modulo(band, left).tobytes())
    stride = len(changes) // band.height
    # One byte for the filter comes before each line.
    lines = bytearray((stride + 1) * band.height)
    for i in range(band.height):
        start = i * (stride + 1)
        lines[start : start + 1] = _SUB_FILTER
        lines[start + 1 : start + 1 + stride] = changes[i * stride : (i + 1) * stride]
    return bytes(lines)


def _iter_up_filtered_lines(
    size: Size, render_band: Callable[[Box], Image.Image]
) -> Iterator[memoryview]:
    """Yield each line as its difference to the line above (PNG's Up filter)."""
    for band in split_into_bands((0, 0, *size)):
        image = render_band(band)
        above = Image.new(image.mode, image.size)
        above.paste(image, (0, 1))
        if band[1]:
            above.paste(render_band((0, band[1] - 1, size[0], band[1])), (0, 0))
        changes = memoryview(ImageChops.subtract_modulo(image, above).tobytes())
        stride = len(changes) // image.height
        for at in range(0, len(changes), stride):
            yield changes[at : at + stride]


def _compress_lines(lines: Iterable[memoryview], compressor: zlib._Compress) -> Iterator[bytes]:
    """Yield the zlib stream of all lines."""
    for line in lines:
        yield compressor.compress(_UP_FILTER)
        yield compressor.compress(line)
    yield compressor.flush()


def _build_file(size: Size, mode: str, pieces: Sequence[bytes], icc_profile: bytes | None) -> bytes:
    """Return the PNG file with the compressed data in these pieces."""
    header = size[0].to_bytes(4) + size[1].to_bytes(4) + bytes((8, _COLOUR_TYPES[mode], 0, 0, 0))
    profile = (
        _chunk_parts(b"iCCP", [b"ICC Profile\0\0", zlib.compress(icc_profile)])
        if icc_profile
        else []
    )
    return b"".join(
        [
            SIGNATURE,
            *_chunk_parts(b"IHDR", [header]),
            *profile,
            *_chunk_parts(b"IDAT", pieces),
            *_chunk_parts(b"IEND", []),
        ]
    )


def _chunk_parts(kind: bytes, pieces: Sequence[bytes]) -> list[bytes]:
    """Return the parts of a chunk. They are joined only once, because the data of a large photo has 60 MB."""
    checksum = isal_zlib.crc32(kind)
    for piece in pieces:
        checksum = isal_zlib.crc32(piece, checksum)
    return [sum(map(len, pieces)).to_bytes(4), kind, *pieces, checksum.to_bytes(4)]
