"""Remove from shared libraries what only debuggers and linkers read: `python strip_libraries.py folder`.

The loader reads the segments of a library (ELF, 64 bits, little-endian) and never its sections. Symbols and debug
information are in no segment. `strip` of binutils would do the same, but only for the processor of this machine.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import NamedTuple

_MAGIC = b"\x7fELF\x02\x01"
_HEADER_BYTES = 64
_PROGRAM_HEADERS_OFFSET, _SECTION_HEADERS_OFFSET, _HEADER_COUNTS = 32, 40, 54
_PT_LOAD = 1


class ElfSegment(NamedTuple):
    """A program header. Its fields are those of Elf64_Phdr, in order."""

    type: int
    flags: int
    offset: int
    address: int
    physical_address: int
    file_bytes: int
    memory_bytes: int
    alignment: int


_SEGMENT = struct.Struct("<IIQQQQQQ")


def strip_library(data: bytes) -> bytes:
    """Return the library with its segments and nothing else. A file of another kind is returned unchanged."""
    if not data.startswith(_MAGIC):
        return data
    table, count = _program_headers(data)
    segments = [
        ElfSegment(*_SEGMENT.unpack_from(data, table + i * _SEGMENT.size)) for i in range(count)
    ]
    loaded = sorted(
        {s for s in segments if s.type == _PT_LOAD and s.file_bytes}, key=lambda s: s.offset
    )
    moved = _move_segments(loaded)
    stripped = bytearray(moved[-1][1] + moved[-1][0].file_bytes)
    for segment, offset in moved:
        end = segment.offset + segment.file_bytes
        stripped[offset : offset + segment.file_bytes] = data[segment.offset : end]
    table = _new_offset(table, moved)
    for i, segment in enumerate(segments):
        # A segment without bytes in the file may have any offset.
        offset = _new_offset(segment.offset, moved) if segment.file_bytes else 0
        _SEGMENT.pack_into(stripped, table + i * _SEGMENT.size, *segment._replace(offset=offset))
    _write_header(stripped, table)
    return bytes(stripped)


def _program_headers(data: bytes) -> tuple[int, int]:
    """Return the offset and the number of the program headers."""
    (offset,) = struct.unpack_from("<Q", data, _PROGRAM_HEADERS_OFFSET)
    size, count = struct.unpack_from("<HH", data, _HEADER_COUNTS)
    if size != _SEGMENT.size:
        raise ValueError(f"A program header has {size} bytes instead of {_SEGMENT.size}.")
    return offset, count


def _move_segments(loaded: list[ElfSegment]) -> list[tuple[ElfSegment, int]]:
    """Return each segment with its new offset. The loader needs offset and address to agree modulo the alignment."""
    moved: list[tuple[ElfSegment, int]] = []
    end = 0
    for segment in loaded:
        offset = end + (segment.offset - end) % max(segment.alignment, 1)
        moved.append((segment, offset))
        end = offset + segment.file_bytes
    return moved


def _new_offset(offset: int, moved: list[tuple[ElfSegment, int]]) -> int:
    """Return where a byte of the old file is in the new one."""
    for segment, new_offset in moved:
        if segment.offset <= offset < segment.offset + segment.file_bytes:
            return new_offset + offset - segment.offset
    raise ValueError(f"Byte {offset} is in no segment that the loader reads.")


def _write_header(data: bytearray, table: int) -> None:
    struct.pack_into("<Q", data, _PROGRAM_HEADERS_OFFSET, table)
    struct.pack_into("<Q", data, _SECTION_HEADERS_OFFSET, 0)
    size, count = struct.unpack_from("<HH", data, _HEADER_COUNTS)
    struct.pack_into("<HHHHH", data, _HEADER_COUNTS, size, count, _HEADER_BYTES, 0, 0)


def main(folder: Path) -> None:
    """Strip every library below the folder."""
    for library in sorted(folder.rglob("*.so*")):
        library.write_bytes(strip_library(library.read_bytes()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
