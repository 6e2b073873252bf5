"""Decode a BMP. Pillow decodes all but run-length coding, for which it takes too much time."""

from __future__ import annotations

from io import BytesIO

from PIL import BmpImagePlugin

from retouch.imaging.errors import InvalidImage, damaged_image_error
from retouch.imaging.formats.bmp import RLE4, BmpLayout, read_icc_profile, read_layout
from retouch.imaging.pillow import Image

_END_OF_LINE, _END_OF_IMAGE, _DELTA = 0, 1, 2
_MAX_CODES = 1_000_000  # of a run-length coded file; each takes some microseconds


def load(data: bytes) -> Image.Image:
    """Return the pixels of a checked BMP. An alpha channel that is 0 everywhere has no meaning and is removed."""
    layout = read_layout(data)
    if layout.is_run_length_coded:
        image = _load_runs(data, layout)
    else:
        with BmpImagePlugin.BmpImageFile(BytesIO(data)) as image:
            image.load()
    if not _is_alpha_used(image, layout):
        image = image.convert("RGB")
    profile = read_icc_profile(data)
    image.info = {"icc_profile": profile} if profile else {}
    return image


def _is_alpha_used(image: Image.Image, layout: BmpLayout) -> bool:
    """Return False when Pillow has read an alpha channel that has no meaning."""
    if image.mode != "RGBA":
        return True
    return layout.has_alpha and image.getchannel("A").getextrema() != (0, 0)


def _load_runs(data: bytes, layout: BmpLayout) -> Image.Image:
    size = (layout.width, layout.height)
    expander = _RunExpander(
        data[layout.pixel_start :], size, has_nibbles=layout.compression == RLE4
    )
    image = Image.frombytes("P", size, bytes(expander.expand()), "raw", "P", 0, -1)
    entry_bytes = layout.palette_entry_bytes
    palette_end = layout.palette_start + layout.colours * entry_bytes
    image.putpalette(
        data[layout.palette_start : palette_end], "BGRX" if entry_bytes == 4 else "BGR"
    )
    return image


class _RunExpander:
    """Expands RLE8 codes, or RLE4 codes with `has_nibbles`, to one byte for each pixel, lowest line first."""

    def __init__(self, codes: bytes, size: tuple[int, int], *, has_nibbles: bool) -> None:
        self._codes, self._at, self._has_nibbles = codes, 0, has_nibbles
        self._width, self._height = size
        self._x = self._y = 0
        self._pixels = bytearray(size[0] * size[1])

    def expand(self) -> bytearray:
        """Return the pixels. Those that no run covers are 0.

        Raises InvalidImage when the codes end too early or are too many.
        """
        for _ in range(_MAX_CODES):
            if self._y >= self._height or not self._apply_code():
                return self._pixels
        raise InvalidImage(
            "unsupported_image_format",
            f"is a BMP with more than {_MAX_CODES} run-length codes, which is the limit. Save it without compression.",
        )

    def _apply_code(self) -> bool:
        """Apply the next code. Return whether the image goes on."""
        pair = self._take(2)
        if len(pair) < 2:
            self._require_complete()
            return False
        count, value = pair
        if count:
            self._write(self._repeat(value, count))
        elif value == _END_OF_IMAGE:
            return False
        else:
            self._apply_escape(value)
        return True

    def _take(self, size: int) -> bytes:
        start = self._at
        self._at += size
        return self._codes[start : self._at]

    def _require_complete(self) -> None:
        """Raise InvalidImage unless every pixel is written. A file that is complete may lack the end code."""
        if self._y < self._height - 1 or self._x < self._width:
            raise damaged_image_error("the BMP's run-length codes end early")

    def _apply_escape(self, value: int) -> None:
        """Move to the next line or by a distance, or copy `value` literal pixels, which are padded to two bytes."""
        if value == _END_OF_LINE:
            self._x, self._y = 0, self._y + 1
        elif value == _DELTA:
            right, up = self._take(2).ljust(2, b"\0")
            self._x, self._y = self._x + right, self._y + up
        else:
            size = (value + 1) // 2 if self._has_nibbles else value
            self._write(self._unpack(self._take(size + size % 2))[:value])

    def _unpack(self, body: bytes) -> bytes:
        if not self._has_nibbles:
            return body
        return bytes(nibble for byte in body for nibble in (byte >> 4, byte & 15))

    def _repeat(self, value: int, count: int) -> bytes:
        return (self._unpack(bytes((value,))) * count)[:count]

    def _write(self, run: bytes) -> None:
        run = run[: max(0, self._width - self._x)]
        start = self._y * self._width + self._x
        self._pixels[start : start + len(run)] = run
        self._x += len(run)
