"""The colour properties of HEIC and AVIF: an ICC profile, or the code points of ITU-T H.273 (`nclx`).

A property is the content of a box `colr`, which starts with its type.
"""

from __future__ import annotations

from collections.abc import Iterable

_PROFILE_KINDS = (b"prof", b"rICC")
_CODES_KIND = b"nclx"
_UNSPECIFIED = 2
# The code points that ITU-T H.273 defines.
_KNOWN_PRIMARIES = (1, 2, *range(4, 13), 22)
_KNOWN_TRANSFERS = (1, 2, *range(4, 19))
_KNOWN_MATRICES = (0, 1, 2, *range(4, 15))


def is_profile(colour: bytes) -> bool:
    """Return whether a colour property is an ICC profile."""
    return colour[:4] in _PROFILE_KINDS


def find_icc_profile(colours: Iterable[bytes]) -> bytes:
    """Return the first ICC profile, or b"" when there is none."""
    return next((colour[4:] for colour in colours if is_profile(colour)), b"")


def find_colour_codes(colours: Iterable[bytes]) -> tuple[int, int] | None:
    """Return the first code points of the primaries and the transfer function, or None when none are stated."""
    return next((_read_codes(colour)[:2] for colour in colours if _has_codes(colour)), None)


def replace_unknown_codes(colour: bytes) -> bytes:
    """Return the property with "unspecified" in place of each code point that is not defined.

    A decoder that does not know a code point would refuse the whole image, although the image can be decoded.
    """
    if not _has_codes(colour):
        return colour
    known = (_KNOWN_PRIMARIES, _KNOWN_TRANSFERS, _KNOWN_MATRICES)
    codes = (
        code if code in values else _UNSPECIFIED
        for code, values in zip(_read_codes(colour), known, strict=True)
    )
    return colour[:4] + b"".join(code.to_bytes(2) for code in codes) + colour[10:]


def _has_codes(colour: bytes) -> bool:
    return colour[:4] == _CODES_KIND and len(colour) >= 10


def _read_codes(colour: bytes) -> tuple[int, int, int]:
    """Return the code points of the primaries, the transfer function and the matrix."""
    primaries, transfer, matrix = (int.from_bytes(colour[at : at + 2]) for at in (4, 6, 8))
    return primaries, transfer, matrix
