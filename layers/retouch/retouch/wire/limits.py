"""Every limit on a request body, in one table. Sizes in bytes unless the name says otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The defaults hold for the buffered front, whose event cannot carry more than 4.7 MB of body."""

    body: int = 10_485_760
    parts: int = 64
    part_headers: int = 8
    part_header_size: int = 4224
    field: int = 131_072
    name: int = 256
    boundary_chars: int = 256
    images: int = 16


DEFAULT = Limits()
