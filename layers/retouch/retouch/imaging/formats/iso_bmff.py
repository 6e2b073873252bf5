"""The boxes of ISO base media files, which HEIC and AVIF are: read the items of a file with limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.imaging.errors import (
    InvalidImage,
    animated_image_error,
    check_piece_count,
    damaged_image_error,
    truncated_image_error,
)
from retouch.imaging.formats.binary_reader import ByteReader
from retouch.imaging.limits import Limits

_MAX_USES_PER_PIECE = 16  # properties of an item, on average
_FIELD_SIZES = (0, 4, 8)  # the sizes of offsets and lengths in an item location box, in bytes

_FILE_BOXES = (b"meta", b"mdat", b"moov")  # the boxes with the image and its data
# The boxes around the sample entry of a track, and the bytes before the boxes that each contains. The sample entry has
# the type of its codec.
_SAMPLE_ENTRY_PATH = (
    (b"moov", 0),
    (b"trak", 0),
    (b"mdia", 0),
    (b"minf", 0),
    (b"stbl", 0),
    (b"stsd", 8),
    (b"", 78),
)


class Box(NamedTuple):
    """The type of a box and the position of its content. `head` is the position of the box itself."""

    kind: bytes
    start: int
    end: int
    head: int


class PropertyUse(NamedTuple):
    """A property of an item: its number from 1, and whether a reader must know it."""

    number: int
    is_essential: bool


class Reference(NamedTuple):
    """A typed reference from an item to others."""

    kind: bytes
    source: int
    targets: tuple[int, ...]


class Location(NamedTuple):
    """Where the bytes of an item are: pairs of start and length, in the file or in the item data box."""

    is_in_item_data: bool
    extents: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class ItemTable:
    """The items of a file by id, and their properties. It mirrors the boxes and does not interpret them."""

    name: str  # of the format, for messages
    primary_id: int = 0
    kinds: dict[int, bytes] = field(default_factory=dict)
    locations: dict[int, Location] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)
    properties: list[Box] = field(default_factory=list)
    uses: dict[int, tuple[PropertyUse, ...]] = field(default_factory=dict)
    item_data: tuple[int, int] = (0, 0)

    def targets(self, kind: bytes, source: int) -> tuple[int, ...]:
        """Return the items that `source` references with that type."""
        matches = (r.targets for r in self.references if (r.kind, r.source) == (kind, source))
        return next(matches, ())

    def sources(self, kind: bytes, target: int) -> Iterator[int]:
        """Yield the items that reference `target` with that type."""
        return (r.source for r in self.references if r.kind == kind and target in r.targets)

    def item_properties(self, item_id: int) -> Iterator[tuple[Box, bool]]:
        """Yield the properties of an item in order, and whether each is essential. Raises InvalidImage."""
        for number, is_essential in self.uses.get(item_id, ()):
            if number > len(self.properties):
                raise damaged_image_error(f"the {self.name} names a property that it does not have")
            if number:
                yield self.properties[number - 1], is_essential


def read_items(data: bytes, limits: Limits, name: str) -> ItemTable:
    """Return the items of the file. `name` is that of the format.

    Raises InvalidImage for a sequence without a still image, a damaged or an incomplete file.
    """
    boxes = _read_file_boxes(data, limits, name)
    meta = boxes.get(b"meta")
    if meta is None:
        raise animated_image_error(name) if b"moov" in boxes else _no_image_error(name)
    children = {c.kind: c for c in iter_boxes(data, meta.start + 4, meta.end, limits, name)}
    table = ItemTable(name)
    for kind, read in _TABLE_READERS.items():
        if kind in children:
            read(_MetaReader(data, limits, name), children[kind], table)
    if table.primary_id not in table.kinds:
        raise _no_image_error(name)
    return table


def _read_file_boxes(data: bytes, limits: Limits, name: str) -> dict[bytes, Box]:
    """Return the boxes of the file by type. Bytes after its last box that are no box are ignored, as in a JPEG.

    Raises InvalidImage when a box that a file needs is cut short.
    """
    boxes: dict[bytes, Box] = {}
    end = 0
    try:
        for box in iter_boxes(data, 0, len(data), limits, name):
            boxes[box.kind], end = box, box.end
    except InvalidImage:
        is_complete = boxes.keys() >= {b"meta", b"mdat"}
        if not is_complete or data[end + 4 : end + 8] in _FILE_BOXES:
            raise
    return boxes


def item_size(data: bytes, table: ItemTable, item_id: int) -> int:
    """Return the number of bytes that an item states. A length of 0 reaches to the end and counts as the whole file."""
    location = table.locations.get(item_id)
    return sum(length or len(data) for _, length in location.extents) if location else 0


def item_bytes(data: bytes, table: ItemTable, item_id: int) -> bytes:
    """Return the bytes of an item, whose `item_size` the caller has limited. Raises InvalidImage for missing bytes."""
    location = table.locations.get(item_id)
    if location is None or not location.extents:
        raise damaged_image_error(f"the {table.name} has an image without data")
    base, end = table.item_data if location.is_in_item_data else (0, len(data))
    pieces = []
    for offset, length in location.extents:
        start = base + offset
        stop = start + length if length else end
        if start >= end or stop > end:
            raise truncated_image_error(f"the {table.name}'s data reaches beyond the end")
        pieces.append(memoryview(data)[start:stop])
    return b"".join(pieces)


def iter_boxes(data: bytes, start: int, end: int, limits: Limits, name: str) -> Iterator[Box]:
    """Yield the boxes between two positions. Raises InvalidImage for too many, or when one reaches beyond the end."""
    count = 0
    while start < end:
        count += 1
        check_piece_count(count, limits)
        reader = ByteReader(data, start, end, name=name)
        size, kind = reader.uint(4), reader.read(4)
        if size == 1:
            size = reader.uint(8)
        stop = start + size if size else end
        if stop > end:
            raise _overlong_box_error(name, is_file_end=end == len(data))
        if stop < reader.position:
            raise damaged_image_error(f"a box of the {name} is too short")
        yield Box(kind, reader.position, stop, start)
        start = stop


def iter_sequence_colours(data: bytes, limits: Limits, name: str) -> Iterator[bytes]:
    """Yield the content of every colour box of the first track of a sequence. Raises InvalidImage."""
    start, end = 0, len(data)
    for kind, head_bytes in _SAMPLE_ENTRY_PATH:
        boxes = iter_boxes(data, start, end, limits, name)
        box = next((box for box in boxes if kind in (box.kind, b"")), None)
        if box is None:
            return
        start, end = box.start + head_bytes, box.end
    for box in iter_boxes(data, start, end, limits, name):
        if box.kind == b"colr":
            yield data[box.start : box.end]


def _overlong_box_error(name: str, *, is_file_end: bool) -> InvalidImage:
    if is_file_end:
        return truncated_image_error(f"the {name} ends inside a box")
    return damaged_image_error(f"a box of the {name} reaches beyond the one around it")


def _no_image_error(name: str) -> InvalidImage:
    return damaged_image_error(f"the {name} has no image")


@frozen_dataclass
class _MetaReader:
    """Reads the boxes inside the meta box into an ItemTable."""

    data: bytes
    limits: Limits
    name: str

    def open(self, box: Box) -> tuple[ByteReader, int, int]:
        """Return a reader behind the head of a full box, its version and its flags."""
        reader = ByteReader(self.data, box.start, box.end, name=self.name)
        return reader, reader.uint(1), reader.uint(3)

    def read_primary(self, box: Box, table: ItemTable) -> None:
        """Read the box `pitm`."""
        reader, version, _ = self.open(box)
        table.primary_id = reader.uint(4 if version else 2)

    def read_item_data(self, box: Box, table: ItemTable) -> None:
        """Read the box `idat`."""
        table.item_data = (box.start, box.end)

    def read_kinds(self, box: Box, table: ItemTable) -> None:
        """Read the box `iinf`: the type of every item."""
        reader, version, _ = self.open(box)
        reader.skip(4 if version else 2)  # the number of entries; the boxes end with their parent
        for entry in iter_boxes(self.data, reader.position, box.end, self.limits, self.name):
            if entry.kind == b"infe":
                self._read_kind(entry, table)

    def _read_kind(self, entry: Box, table: ItemTable) -> None:
        reader, version, _ = self.open(entry)
        if version >= 2:
            item_id = reader.uint(2 if version == 2 else 4)
            reader.skip(2)  # protection
            table.kinds.setdefault(item_id, reader.read(4))

    def read_locations(self, box: Box, table: ItemTable) -> None:
        """Read the box `iloc`: where the bytes of every item are."""
        reader, version, _ = self.open(box)
        sizes = reader.uint(2)
        offset_size, length_size, base_size, index_size = (
            sizes >> shift & 15 for shift in (12, 8, 4, 0)
        )
        if version == 0:
            index_size = 0
        if not {offset_size, length_size, base_size, index_size} <= set(_FIELD_SIZES):
            raise damaged_image_error(f"the {self.name}'s item locations are invalid")
        count, extents = reader.uint(4 if version == 2 else 2), 0
        check_piece_count(count, self.limits)
        for _ in range(count):
            item_id = reader.uint(4 if version == 2 else 2)
            method = reader.uint(2) & 15 if version else 0
            reader.skip(2)  # the data reference
            base, extent_count = reader.uint(base_size), reader.uint(2)
            extents += extent_count
            check_piece_count(extents, self.limits)
            pairs = [
                self._read_extent(reader, index_size, offset_size, length_size)
                for _ in range(extent_count)
            ]
            if (
                method < 2
            ):  # a position relative to another item is not read, so that item has no data
                located = tuple((base + offset, length) for offset, length in pairs)
                table.locations.setdefault(item_id, Location(method == 1, located))

    def _read_extent(
        self, reader: ByteReader, index_size: int, offset_size: int, length_size: int
    ) -> tuple[int, int]:
        reader.skip(index_size)
        return reader.uint(offset_size), reader.uint(length_size)

    def read_references(self, box: Box, table: ItemTable) -> None:
        """Read the box `iref`: the references between items."""
        reader, version, _ = self.open(box)
        id_size, total = 4 if version else 2, 0
        for entry in iter_boxes(self.data, reader.position, box.end, self.limits, self.name):
            body = ByteReader(self.data, entry.start, entry.end, name=self.name)
            source, count = body.uint(id_size), body.uint(2)
            total += count
            check_piece_count(total, self.limits)
            targets = tuple(body.uint(id_size) for _ in range(count))
            table.references.append(Reference(entry.kind, source, targets))

    def read_properties(self, box: Box, table: ItemTable) -> None:
        """Read the box `iprp`: the properties, and which items have them."""
        for child in iter_boxes(self.data, box.start, box.end, self.limits, self.name):
            if child.kind == b"ipco":
                boxes = iter_boxes(self.data, child.start, child.end, self.limits, self.name)
                table.properties = list(boxes)
            elif child.kind == b"ipma":
                self._read_property_uses(child, table)

    def _read_property_uses(self, box: Box, table: ItemTable) -> None:
        reader, version, flags = self.open(box)
        count, total = reader.uint(4), len(table.uses)
        check_piece_count(count, self.limits)
        size = 2 if flags & 1 else 1
        essential_flag = 1 << (8 * size - 1)
        for _ in range(count):
            item_id, use_count = reader.uint(4 if version else 2), reader.uint(1)
            total += use_count
            check_piece_count(total // _MAX_USES_PER_PIECE, self.limits)
            values = [reader.uint(size) for _ in range(use_count)]
            uses = tuple(
                PropertyUse(value & ~essential_flag, bool(value & essential_flag))
                for value in values
            )
            table.uses.setdefault(item_id, uses)


_TABLE_READERS: Mapping[bytes, Callable[[_MetaReader, Box, ItemTable], None]] = MappingProxyType(
    {
        b"pitm": _MetaReader.read_primary,
        b"idat": _MetaReader.read_item_data,
        b"iinf": _MetaReader.read_kinds,
        b"iloc": _MetaReader.read_locations,
        b"iref": _MetaReader.read_references,
        b"iprp": _MetaReader.read_properties,
    }
)
