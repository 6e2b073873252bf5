"""Read numbers and bits of a file with bounds checks, so that a short or hostile file gives one typed error."""

from __future__ import annotations

from typing import Literal

from retouch.imaging.errors import InvalidImage, damaged_image_error, truncated_image_error

_ByteOrder = Literal["big", "little"]


class ByteReader:
    """Reads the bytes from `start` to `end` of a file in order."""

    def __init__(
        self, data: bytes, start: int, end: int, *, name: str, byte_order: _ByteOrder = "big"
    ) -> None:
        self.position, self._end = start, min(end, len(data))
        self._data, self._name, self._byte_order = data, name, byte_order

    @property
    def remaining(self) -> int:
        """Return the number of bytes that are not read yet."""
        return self._end - self.position

    def read(self, size: int) -> bytes:
        """Return the next bytes. Raises InvalidImage when there are fewer."""
        start = self.position
        self.skip(size)
        return self._data[start : self.position]

    def skip(self, size: int) -> None:
        """Move on by some bytes. Raises InvalidImage when there are fewer."""
        if self.position + size > len(self._data):
            raise truncated_image_error(f"the {self._name} ends early")
        if size > self.remaining:
            raise damaged_image_error(f"a part of the {self._name} is too short")
        self.position += size

    def uint(self, size: int) -> int:
        """Return an unsigned integer of `size` bytes. An integer of 0 bytes is 0. Raises InvalidImage."""
        return int.from_bytes(self.read(size), self._byte_order)


class BitReader:
    """Reads the bits of a codec's header from the highest bit of each byte."""

    def __init__(self, data: bytes, *, name: str) -> None:
        self._value, self._remaining, self._name = int.from_bytes(data), 8 * len(data), name

    def uint(self, bits: int) -> int:
        """Return the next bits as an unsigned integer. Raises InvalidImage when there are fewer."""
        if bits > self._remaining:
            raise self._damaged_header_error()
        self._remaining -= bits
        return (self._value >> self._remaining) & ((1 << bits) - 1)

    def exp_golomb(self) -> int:
        """Return an unsigned Exp-Golomb number of at most 32 bits, which is ue(v) in the HEVC standard."""
        zeros = 0
        while not self.uint(1):
            zeros += 1
            if zeros > 32:
                raise self._damaged_header_error()
        return (1 << zeros) - 1 + self.uint(zeros)

    def _damaged_header_error(self) -> InvalidImage:
        return damaged_image_error(f"the codec header of the {self._name} is invalid")
