"""GIF: check the blocks of a still image, and remove metadata."""

from __future__ import annotations

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.image_formats import ImageHeader
from retouch.imaging.errors import (
    InvalidImage,
    animated_image_error,
    check_dimensions,
    damaged_image_error,
    truncated_image_error,
)
from retouch.imaging.formats.binary_reader import ByteReader
from retouch.imaging.limits import DEFAULT_LIMITS, Limits

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL, _CONTROL_BYTES = 0xF9, 7  # without the block terminator
_TABLE_FLAG, _TABLE_SIZE_MASK = 0x80, 0x07
_HEADER_BYTES, _IMAGE_HEADER_BYTES = 13, 10
_MIN_BLOCK_BYTES = 64  # bytes; encoders fill blocks of 255
_SPARE_BLOCKS = 16_384


@frozen_dataclass
class GifFrame:
    """The only frame of a GIF. `box` is its place on the screen. Positions are byte offsets in the file."""

    box: tuple[int, int, int, int]
    screen: tuple[int, int]
    table_end: int  # the end of the global colour table
    control: bytes  # the graphic control block, or b""
    start: int
    end: int

    @property
    def is_partial(self) -> bool:
        """Return whether the frame leaves a part of the screen empty, which viewers show as transparent."""
        return self.box != (0, 0, *self.screen)

    @property
    def has_transparency(self) -> bool:
        """Return whether one of its colours is transparent."""
        return bool(self.control and self.control[3] & 1)


def check_structure(data: bytes, limits: Limits) -> ImageHeader:
    """Check the blocks of a GIF and that it has exactly one frame. Raises InvalidImage."""
    frame = read_frame(data, limits)
    return ImageHeader(*frame.screen, has_alpha=frame.has_transparency or frame.is_partial)


def strip_metadata(data: bytes) -> bytes:
    """Return the frame of a checked GIF as a file of its own: no comments, and a screen of the size of the frame."""
    frame = read_frame(data, DEFAULT_LIMITS)
    left, top, right, bottom = frame.box
    size = (right - left).to_bytes(2, "little") + (bottom - top).to_bytes(2, "little")
    image_header = bytes((_IMAGE, 0, 0, 0, 0)) + size + data[frame.start + 9 : frame.start + 10]
    parts = (
        b"GIF89a" + size + data[10 : frame.table_end],
        frame.control,
        image_header,
        data[frame.start + _IMAGE_HEADER_BYTES : frame.end],
        bytes((_TRAILER,)),
    )
    return b"".join(parts)


def read_frame(data: bytes, limits: Limits) -> GifFrame:
    """Return the frame. Raises InvalidImage for no frame, a second frame or an incomplete file."""
    walker = _BlockWalker(data)
    frame, control = None, b""
    while (kind := walker.next_block()) != _TRAILER:
        start = walker.position - 1
        if kind == _EXTENSION:
            control = walker.read_extension() or control
        elif frame:
            raise animated_image_error("GIF")
        else:
            frame = walker.read_image(start, control, limits)
    if frame is None:
        raise damaged_image_error("the GIF has no image")
    return frame


class _BlockWalker:
    """Walks the blocks of a GIF. The number of blocks is limited, so the time depends on the size of the file only."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._blocks_left = _SPARE_BLOCKS + len(data) // _MIN_BLOCK_BYTES
        reader = ByteReader(data, 6, len(data), name="GIF", byte_order="little")
        self._screen = (reader.uint(2), reader.uint(2))
        flags = reader.uint(1)
        self._table_end = self.position = _HEADER_BYTES + _table_bytes(flags)

    def next_block(self) -> int:
        """Return the kind of the next block. A complete file may end without a trailer."""
        if self.position >= len(self._data):
            return _TRAILER
        kind = self._data[self.position]
        if kind not in (_EXTENSION, _IMAGE, _TRAILER):
            raise damaged_image_error("the GIF contains data that is not a block")
        self._count_block()
        self.position += 1
        return kind

    def read_extension(self) -> bytes:
        """Return a graphic control block with its introducer, or b"" for any other extension."""
        start = self.position - 1
        is_control = self._data[self.position : self.position + 2] == bytes((_GRAPHIC_CONTROL, 4))
        self.position += 1
        self._skip_sub_blocks()
        return self._data[start : start + _CONTROL_BYTES] + b"\0" if is_control else b""

    def read_image(self, start: int, control: bytes, limits: Limits) -> GifFrame:
        """Return the frame whose introducer is at `start`."""
        reader = ByteReader(self._data, start + 1, len(self._data), name="GIF", byte_order="little")
        left, top, width, height = (reader.uint(2) for _ in range(4))
        flags = reader.uint(1)
        check_dimensions(width, height, limits)
        screen = (max(self._screen[0], left + width), max(self._screen[1], top + height))
        check_dimensions(*screen, limits)
        self.position = reader.position + _table_bytes(flags)
        self._check_code_size()
        self._skip_sub_blocks()
        box = (left, top, left + width, top + height)
        return GifFrame(box, screen, self._table_end, control, start, self.position)

    def _check_code_size(self) -> None:
        code_size = self._data[self.position : self.position + 1]
        if code_size and not 1 <= code_size[0] <= 11:
            raise damaged_image_error("the GIF's image data is invalid")
        self.position += 1

    def _skip_sub_blocks(self) -> None:
        data, end = self._data, len(self._data)
        while self.position < end:
            size = data[self.position]
            self.position += 1 + size
            if not size:
                return
            self._count_block()
        raise truncated_image_error("the GIF ends inside a block")

    def _count_block(self) -> None:
        self._blocks_left -= 1
        if self._blocks_left < 0:
            raise InvalidImage(
                "image_metadata_too_large",
                "consists of too many small blocks. Save it again.",
            )


def _table_bytes(flags: int) -> int:
    """Return the size of the colour table that the flags announce."""
    return 3 << ((flags & _TABLE_SIZE_MASK) + 1) if flags & _TABLE_FLAG else 0
