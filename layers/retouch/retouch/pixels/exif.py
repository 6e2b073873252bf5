"""The one EXIF value that matters here: which way is up."""

from __future__ import annotations

import struct

_PREFIX = b"Exif\0\0"
_ORIENTATION = 0x0112
_FORMATS = {3: "HH", 4: "I"}  # SHORT (and its padding), LONG
_MOST_ENTRIES = 512  # cameras write a few dozen


def orientation(block: bytes) -> int:
    """1..8 from an EXIF block, with or without its "Exif" prefix; 1 for anything else.

    Only the first directory is read and no offset in it is followed, so nothing can loop.
    """
    tiff = block.removeprefix(_PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    return _look_up(tiff, order, *struct.unpack(order + "I", tiff[4:8]))


def _look_up(tiff: bytes, order: str, directory: int) -> int:
    start = directory + 2
    entries = int.from_bytes(tiff[directory:start], "little" if order == "<" else "big")
    whole = (len(tiff) - start) // 12
    for index in range(min(entries, whole, _MOST_ENTRIES)):
        tag, kind, _, value = struct.unpack_from(order + "HHI4s", tiff, start + 12 * index)
        if tag == _ORIENTATION and kind in _FORMATS:
            found: int = struct.unpack(order + _FORMATS[kind], value)[0]
            return found if 1 <= found <= 8 else 1
    return 1
