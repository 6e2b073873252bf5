"""Shorten a PNG to its first lines, so that the decoder stops there."""

from __future__ import annotations

import zlib
from dataclasses import replace

from retouch.core.edit_types import EncodedImage

_INTERLACE_BYTE = 28


def keep_first_lines(file: EncodedImage, lines: int) -> EncodedImage:
    """Return a checked PNG with only its first `lines` lines, which are the same. Other files are returned unchanged.

    Only the height in the header changes, because a decoder reads no further than that. A file of lines in another
    order (interlaced or turned by EXIF) is returned unchanged.
    """
    is_in_order = file.format == "png" and not file.has_exif_rotation
    if not file.header or not is_in_order or file.data[_INTERLACE_BYTE] or lines >= file.height:
        return file
    view = memoryview(file.data)
    # IHDR: four bytes of its name, width and height, then the fields of one byte.
    header_chunk = b"".join((view[12:20], lines.to_bytes(4), view[24:29]))
    data = b"".join((view[:12], header_chunk, zlib.crc32(header_chunk).to_bytes(4), view[33:]))
    return replace(file, data=data, height=lines, header=replace(file.header, height=lines))
