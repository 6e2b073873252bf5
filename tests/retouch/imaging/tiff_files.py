"""TIFF files that are built of single tags."""

import struct

from retouch.imaging.formats.tiff_directory import Tag

BYTE, SHORT, LONG = 1, 3, 4
VALUE_FORMATS = {BYTE: "B", SHORT: "H", LONG: "I"}


def tiff_file(tags, pixels=b"", order="<", next_offset=0, segments=(), tiled=False):
    """Return a TIFF whose tags are {tag: (type, values)}. The pixels, or the strips or tiles, start at byte 8."""
    parts = segments or (pixels,)
    pixels = b"".join(parts)
    offsets = tuple(8 + sum(map(len, parts[:n])) for n in range(len(parts)))
    offset_tag, count_tag = (
        (Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS)
        if tiled
        else (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS)
    )
    body = {offset_tag: (LONG, offsets), count_tag: (LONG, tuple(map(len, parts))), **tags}
    values, entries = b"", b""
    values_start = 8 + len(pixels) + 2 + 12 * len(body) + 4
    for tag, (kind, numbers) in sorted(body.items()):
        packed = struct.pack(f"{order}{len(numbers)}{VALUE_FORMATS[kind]}", *numbers)
        inline = packed.ljust(4, b"\0")
        if len(packed) > 4:
            inline = struct.pack(order + "I", values_start + len(values))
            values += packed
        entries += struct.pack(order + "HHI", tag, kind, len(numbers)) + inline
    magic = b"II*\0" if order == "<" else b"MM\0*"
    head = magic + struct.pack(order + "I", 8 + len(pixels)) + pixels
    directory = (
        struct.pack(order + "H", len(body)) + entries + struct.pack(order + "I", next_offset)
    )
    return head + directory + values


def grey_tags(width, height, depth=8, **changes):
    tags = {
        Tag.WIDTH: (LONG, (width,)),
        Tag.HEIGHT: (LONG, (height,)),
        Tag.BITS_PER_SAMPLE: (SHORT, (depth,)),
        Tag.COMPRESSION: (SHORT, (1,)),
        Tag.PHOTOMETRIC: (SHORT, (1,)),
        Tag.SAMPLES_PER_PIXEL: (SHORT, (1,)),
    }
    return {**tags, **{getattr(Tag, name): value for name, value in changes.items()}}
