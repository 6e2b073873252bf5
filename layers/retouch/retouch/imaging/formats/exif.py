"""Read the EXIF orientation, the only EXIF value that this package uses."""

from __future__ import annotations

import struct

_PREFIX = b"Exif\0\0"
_ORIENTATION_TAG = 0x0112
_VALUE_FORMATS = {3: "HH", 4: "I"}  # EXIF type -> struct format: SHORT (with its padding), LONG
_MAX_ENTRIES = 512  # cameras write a few dozen entries


def read_orientation(block: bytes) -> int:
    """Return the orientation, 1..8, from an EXIF block with or without its "Exif" prefix; 1 for anything else.

    Only the first directory is read, and no offset inside it is followed, so the function cannot loop.
    """
    tiff = block.removeprefix(_PREFIX)
    byte_order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if byte_order is None or len(tiff) < 8:
        return 1
    return _find_orientation(tiff, byte_order, *struct.unpack(byte_order + "I", tiff[4:8]))


def _find_orientation(tiff: bytes, byte_order: str, directory: int) -> int:
    """Return the orientation entry of the directory at that offset, or 1 when it has none."""
    start = directory + 2
    entries = int.from_bytes(tiff[directory:start], "little" if byte_order == "<" else "big")
    complete_entries = (len(tiff) - start) // 12
    for index in range(min(entries, complete_entries, _MAX_ENTRIES)):
        tag, kind, _, value = struct.unpack_from(byte_order + "HHI4s", tiff, start + 12 * index)
        if tag == _ORIENTATION_TAG and kind in _VALUE_FORMATS:
            orientation: int = struct.unpack(byte_order + _VALUE_FORMATS[kind], value)[0]
            return orientation if 1 <= orientation <= 8 else 1
    return 1
