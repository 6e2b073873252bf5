"""The directories of a TIFF file: read their tags with limits, and append a directory with fewer tags."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Literal

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.imaging.errors import InvalidImage, damaged_image_error, truncated_image_error

_MAX_ENTRIES = 512  # cameras write a few dozen entries
_MAX_DIRECTORIES = 64
_MAX_VALUES = 262_144  # values of a tag; an image of 50 megapixels in tiles of 16x16 has fewer
_TYPE_BYTES = {
    **{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2},
    **{9: 4, 10: 8, 11: 4, 12: 8, 13: 4},
}
_UNSIGNED_TYPES = {1: "B", 3: "H", 4: "I"}  # BYTE, SHORT and LONG
_SHORT, _INLINE_BYTES, _ENTRY_BYTES = 3, 4, 12


class Tag:
    """The numbers of the tags that are read, and those that a decoder needs for the pixels."""

    SUBFILE_TYPE = 254
    WIDTH, HEIGHT, BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
    FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES_PER_PIXEL = 266, 273, 274, 277
    ROWS_PER_STRIP, STRIP_BYTE_COUNTS, PLANAR_CONFIGURATION = 278, 279, 284
    T4_OPTIONS, T6_OPTIONS, PREDICTOR, COLOR_MAP = 292, 293, 317, 320
    TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTE_COUNTS = 322, 323, 324, 325
    EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_TABLES = 338, 339, 347
    YCBCR_COEFFICIENTS, YCBCR_SUBSAMPLING, YCBCR_POSITIONING, REFERENCE_BLACK_WHITE = (
        529,
        530,
        531,
        532,
    )
    CFA_PATTERN, ICC_PROFILE, DNG_VERSION = 33422, 34675, 50706

    NEEDED = frozenset(
        (
            *(WIDTH, HEIGHT, BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC, FILL_ORDER),
            *(STRIP_OFFSETS, SAMPLES_PER_PIXEL, ROWS_PER_STRIP, STRIP_BYTE_COUNTS),
            *(PLANAR_CONFIGURATION, T4_OPTIONS, T6_OPTIONS, PREDICTOR, COLOR_MAP),
            *(TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTE_COUNTS, EXTRA_SAMPLES),
            *(SAMPLE_FORMAT, JPEG_TABLES, YCBCR_COEFFICIENTS, YCBCR_SUBSAMPLING),
            *(YCBCR_POSITIONING, REFERENCE_BLACK_WHITE, ICC_PROFILE),
        )
    )


@frozen_dataclass
class Entry:
    """One tag. `position` is the place of its values in the file."""

    kind: int
    count: int
    position: int
    raw: bytes  # the twelve bytes of the entry


@frozen_dataclass
class Directory:
    """The tags of one page."""

    data: bytes
    byte_order: Literal["<", ">"]
    entries: Mapping[int, Entry]
    next_offset: int

    @property
    def is_reduced_copy(self) -> bool:
        """Return whether the page is a smaller copy of another one, or a mask of its transparency."""
        return bool(self.number(Tag.SUBFILE_TYPE, 0) & 0b101)

    def has(self, tag: int) -> bool:
        """Return whether the page has this tag."""
        return tag in self.entries

    def raw(self, tag: int) -> bytes:
        """Return the bytes of a tag's values, or b"" without that tag. Raises InvalidImage."""
        entry = self.entries.get(tag)
        if entry is None:
            return b""
        end = entry.position + entry.count * _TYPE_BYTES[entry.kind]
        if end > len(self.data):
            raise truncated_image_error("a tag of the TIFF reaches beyond the end of the file")
        return self.data[entry.position : end]

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return the values of a tag of unsigned integers, or () without that tag. Raises InvalidImage."""
        entry = self.entries.get(tag)
        if entry is None:
            return ()
        if entry.kind not in _UNSIGNED_TYPES or not 1 <= entry.count <= _MAX_VALUES:
            raise damaged_image_error(f"the TIFF's tag {tag} is invalid")
        value_format = f"{self.byte_order}{entry.count}{_UNSIGNED_TYPES[entry.kind]}"
        return struct.unpack(value_format, self.raw(tag))

    def number(self, tag: int, default: int | None = None) -> int:
        """Return the first value of a tag, or the default. Raises InvalidImage when there is neither."""
        values = self.numbers(tag)
        if values:
            return values[0]
        if default is None:
            raise damaged_image_error(f"the TIFF has no tag {tag}")
        return default


def read_directories(data: bytes) -> Iterator[Directory]:
    """Yield the directories of the file's pages. There is at least one. Raises InvalidImage.

    Offsets to other directories, such as EXIF, are not followed. A directory that was read before ends the list.
    """
    byte_order: Literal["<", ">"] = "<" if data[:2] == b"II" else ">"
    seen: set[int] = set()
    offset = _read_uint32(data, 4, byte_order)
    while not seen or (offset and offset not in seen):
        if len(seen) >= _MAX_DIRECTORIES:
            raise InvalidImage(
                "image_metadata_too_large",
                f"has more than {_MAX_DIRECTORIES} directories. Save it again with one page.",
            )
        seen.add(offset)
        directory = _read_directory(data, offset, byte_order)
        yield directory
        offset = directory.next_offset


def write_directory(
    data: bytes, directory: Directory, tags: frozenset[int], changed_values: Mapping[int, int]
) -> bytes:
    """Return the file with a new only directory at its end, which has those of the tags that the old one has.

    `changed_values` are SHORT values that replace the old ones. The values of other tags stay where they are.
    """
    order = directory.byte_order
    entries = [
        _build_entry(order, tag, changed_values.get(tag), entry)
        for tag, entry in sorted(directory.entries.items())
        if tag in tags
    ]
    padding = b"\0" * (len(data) % 2)
    offset = len(data) + len(padding)
    return b"".join(
        (
            data[:4],
            struct.pack(order + "I", offset),
            memoryview(data)[8:],
            padding,
            struct.pack(order + "H", len(entries)),
            *entries,
            b"\0\0\0\0",
        )
    )


def _build_entry(order: str, tag: int, value: int | None, entry: Entry) -> bytes:
    if value is None:
        return entry.raw
    return struct.pack(order + "HHIHH", tag, _SHORT, 1, value, 0)


def _read_directory(data: bytes, offset: int, byte_order: Literal["<", ">"]) -> Directory:
    count = int.from_bytes(data[offset : offset + 2], "little" if byte_order == "<" else "big")
    end = offset + 2 + _ENTRY_BYTES * count
    if offset < 8 or offset + 2 > len(data) or end + 4 > len(data):
        raise truncated_image_error("the TIFF's directory lies beyond the end of the file")
    if not 1 <= count <= _MAX_ENTRIES:
        raise damaged_image_error(f"the TIFF has a directory of {count} tags")
    entries: dict[int, Entry] = {}
    for start in range(offset + 2, end, _ENTRY_BYTES):
        tag, kind, values = struct.unpack_from(byte_order + "HHI", data, start)
        if kind in _TYPE_BYTES:
            entry = _read_entry(data, start, kind, values, byte_order)
            entries.setdefault(tag, entry)
    return Directory(data, byte_order, entries, _read_uint32(data, end, byte_order))


def _read_entry(
    data: bytes, start: int, kind: int, count: int, byte_order: Literal["<", ">"]
) -> Entry:
    is_inline = count * _TYPE_BYTES[kind] <= _INLINE_BYTES
    position = start + 8 if is_inline else _read_uint32(data, start + 8, byte_order)
    return Entry(kind, count, position, data[start : start + _ENTRY_BYTES])


def _read_uint32(data: bytes, at: int, byte_order: Literal["<", ">"]) -> int:
    return int.from_bytes(data[at : at + 4], "little" if byte_order == "<" else "big")
