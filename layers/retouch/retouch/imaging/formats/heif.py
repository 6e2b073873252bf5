"""HEIC and AVIF: check the primary image, and write a file that holds nothing else.

Both are HEIF files and differ in the codec. The primary image is one coded image, or a grid of coded tiles. It may have
an auxiliary image with its transparency. Everything else in the file is ignored: thumbnails, depth maps, gain maps,
further images and metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Box as PixelBox
from retouch.core.geometry import Size
from retouch.core.image_formats import ImageHeader
from retouch.imaging.errors import (
    InvalidImage,
    animated_image_error,
    check_dimensions,
    check_piece_count,
    damaged_image_error,
)
from retouch.imaging.formats.binary_reader import ByteReader
from retouch.imaging.formats.heif_colours import is_profile, replace_unknown_codes
from retouch.imaging.formats.heif_transforms import Transforms, read_transforms
from retouch.imaging.formats.heif_writer import HeifItem, write_heif
from retouch.imaging.formats.iso_bmff import Box, ItemTable, item_bytes, item_size, read_items
from retouch.imaging.limits import DEFAULT_LIMITS, Limits


class Codec(NamedTuple):
    """What distinguishes HEIC from AVIF: names, types, and how to read the coded data and its configuration."""

    name: str
    brand: bytes
    sequence_brands: tuple[bytes, ...]
    item_kinds: tuple[bytes, ...]
    configuration: bytes
    iter_sizes: Callable[[bytes, bytes], Iterator[Size]]
    is_monochrome: Callable[[bytes], bool]


_GRID = b"grid"
_ALPHA_TYPES = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
# The properties that a decoder needs for the pixels and their colours.
_NEEDED_PROPERTIES = frozenset(
    (b"ispe", b"pixi", b"colr", b"hvcC", b"av1C", b"auxC", b"a1op", b"a1lx", b"lsel")
)
_TRANSFORM_PROPERTIES = frozenset((b"clap", b"irot", b"imir"))
_IGNORED_ESSENTIAL_PROPERTIES = frozenset((b"pasp", b"rloc", b"clli", b"mdcv"))
_MAX_CODED_MARGIN = (
    256  # pixels by which coded data may exceed the stated size, because codecs work in blocks
)


@frozen_dataclass
class HeifImage:
    """The primary image of a file. The size is that of the coded image, before any transformation."""

    data: bytes
    codec: Codec
    table: ItemTable
    size: Size
    transforms: Transforms
    alpha_id: int  # 0: none

    @property
    def ids(self) -> tuple[int, ...]:
        """Return the ids of the primary image and of its transparency."""
        return (self.table.primary_id, self.alpha_id) if self.alpha_id else (self.table.primary_id,)

    @property
    def is_premultiplied(self) -> bool:
        """Return whether the colours are already multiplied by the transparency."""
        return self.has_alpha and self.alpha_id in self.table.targets(
            b"prem", self.table.primary_id
        )

    @property
    def has_alpha(self) -> bool:
        """Return whether the image has an auxiliary image with its transparency."""
        return self.alpha_id != 0


def check_structure(data: bytes, limits: Limits, codec: Codec) -> ImageHeader:
    """Check the primary image of a HEIF file and that its data is complete. Raises InvalidImage."""
    image = read_image(data, limits, codec)
    for item_id in image.ids:
        _check_item(image, item_id, limits)
    if image.has_alpha and _read_size(image.table, data, image.alpha_id) != image.size:
        raise damaged_image_error(f"the {codec.name}'s transparency has another size")
    left, top, right, bottom = image.transforms.crop
    return ImageHeader(right - left, bottom - top, image.has_alpha, image.transforms.orientation)


def read_image(data: bytes, limits: Limits, codec: Codec) -> HeifImage:
    """Return the primary image. Raises InvalidImage for a sequence, or an image of an unknown kind."""
    if data[8:12] in codec.sequence_brands:
        raise animated_image_error(codec.name)
    table = read_items(data, limits, codec.name)
    _check_kind(table.kinds[table.primary_id], codec)
    size = _read_size(table, data, table.primary_id)
    check_dimensions(*size, limits)
    properties = [box for box, _ in table.item_properties(table.primary_id)]
    transforms = read_transforms(data, properties, size, codec.name)
    image = HeifImage(data, codec, table, size, transforms, _find_alpha(table, data))
    _check_total_size(image)
    return image


def _check_total_size(image: HeifImage) -> None:
    """Raise InvalidImage when the images state more bytes than the file has: then they share bytes."""
    ids = [each for item_id in image.ids for each in (item_id, *_tile_ids(image.table, item_id))]
    if sum(item_size(image.data, image.table, item_id) for item_id in ids) > len(image.data):
        raise damaged_image_error(f"the {image.codec.name} uses the same bytes twice")


def _tile_ids(table: ItemTable, item_id: int) -> tuple[int, ...]:
    return table.targets(b"dimg", item_id) if table.kinds.get(item_id) == _GRID else ()


def strip_metadata(data: bytes, codec: Codec, *, profile: bool = True) -> bytes:
    """Return a checked file with the primary image, its colours and its transparency only.

    Its crop, rotation and mirroring are removed as well: `read_crop` and the orientation of the header replace them.
    """
    image = read_image(data, DEFAULT_LIMITS, codec)
    items = [item for item_id in image.ids for item in _iter_items(image, item_id, profile)]
    alpha_index = 1 + items[0].tile_count if image.has_alpha else None
    return write_heif(
        codec.brand, items, alpha_index=alpha_index, is_premultiplied=image.is_premultiplied
    )


def read_crop(data: bytes, codec: Codec) -> PixelBox:
    """Return the box of the coded image that is displayed."""
    return read_image(data, DEFAULT_LIMITS, codec).transforms.crop


def iter_colours(data: bytes, codec: Codec) -> Iterator[bytes]:
    """Yield the content of every colour property of the primary image, or else of its first tile."""
    table = read_image(data, DEFAULT_LIMITS, codec).table
    for item_id in (table.primary_id, *table.targets(b"dimg", table.primary_id)[:1]):
        for box, _ in table.item_properties(item_id):
            if box.kind == b"colr":
                yield data[box.start : box.end]


def colour_model(data: bytes, codec: Codec) -> str:
    """Return "GRAY" when the primary image, or else its first tile, has no chroma. Else return "RGB"."""
    table = read_image(data, DEFAULT_LIMITS, codec).table
    coded_id = (*_tile_ids(table, table.primary_id), table.primary_id)[0]
    configuration = _find_configuration(data, table, coded_id, codec)
    return "GRAY" if configuration and codec.is_monochrome(configuration) else "RGB"


def _find_configuration(data: bytes, table: ItemTable, item_id: int, codec: Codec) -> bytes | None:
    """Return the codec header of a coded image, or None when it has none."""
    properties = table.item_properties(item_id)
    boxes = (box for box, _ in properties if box.kind == codec.configuration)
    return next((data[box.start : box.end] for box in boxes), None)


def _check_kind(kind: bytes, codec: Codec) -> None:
    if kind != _GRID and kind not in codec.item_kinds:
        text = kind.decode("ascii", "replace")
        raise InvalidImage(
            "unsupported_image_format",
            f"is a HEIF file with an image of type {text!r}, which is not accepted. Save it as JPEG, PNG or HEIC.",
        )


def _read_size(table: ItemTable, data: bytes, item_id: int) -> Size:
    for box, _ in table.item_properties(item_id):
        if box.kind == b"ispe":
            reader = ByteReader(data, box.start + 4, box.end, name=table.name)
            return reader.uint(4), reader.uint(4)
    raise damaged_image_error(f"the {table.name} does not state the size of an image")


def _find_alpha(table: ItemTable, data: bytes) -> int:
    """Return the id of the auxiliary image with the transparency of the primary image, or 0."""
    for item_id in table.sources(b"auxl", table.primary_id):
        for box, _ in table.item_properties(item_id):
            if (
                box.kind == b"auxC"
                and data[box.start + 4 : box.end].split(b"\0")[0] in _ALPHA_TYPES
            ):
                return item_id
    return 0


def _check_item(image: HeifImage, item_id: int, limits: Limits) -> None:
    """Raise InvalidImage unless the coded image or the grid is complete and as large as it states."""
    table, codec = image.table, image.codec
    kind = table.kinds.get(item_id, b"")
    _check_kind(kind, codec)
    _check_properties(table, item_id)
    if kind != _GRID:
        _check_coded_image(image, item_id)
        return
    tile_ids = _tile_ids(table, item_id)
    columns, rows, size = _read_grid(image, item_id)
    check_piece_count(columns * rows, limits)
    if len(tile_ids) != columns * rows or size != _read_size(table, image.data, item_id):
        raise damaged_image_error(f"the {codec.name}'s grid does not fit its size")
    tile_sizes = {_read_tile_size(image, tile_id) for tile_id in tile_ids}
    if len(tile_sizes) != 1 or not _is_covered(size, columns, rows, *tile_sizes):
        raise damaged_image_error(f"the {codec.name}'s tiles do not fit its size")
    for tile_id in tile_ids:
        if table.kinds.get(tile_id) not in codec.item_kinds:
            raise damaged_image_error(f"the {codec.name} has a tile that is not an image")
        _check_properties(table, tile_id)
        _check_coded_image(image, tile_id)


def _check_properties(table: ItemTable, item_id: int) -> None:
    """Raise InvalidImage for a property that a reader must know and that this package does not know."""
    known = _NEEDED_PROPERTIES | _TRANSFORM_PROPERTIES | _IGNORED_ESSENTIAL_PROPERTIES
    for box, is_essential in table.item_properties(item_id):
        if is_essential and box.kind not in known:
            text = box.kind.decode("ascii", "replace")
            raise InvalidImage(
                "unsupported_image_format",
                f"is a {table.name} with the property {text!r}, which is not accepted. Save it as JPEG or PNG.",
            )


def _read_grid(image: HeifImage, item_id: int) -> tuple[int, int, Size]:
    """Return the columns, the rows and the size of a grid."""
    body = item_bytes(image.data, image.table, item_id)
    reader = ByteReader(body, 1, len(body), name=image.codec.name)
    edge_bytes = 4 if reader.uint(1) & 1 else 2
    rows, columns = reader.uint(1) + 1, reader.uint(1) + 1
    return columns, rows, (reader.uint(edge_bytes), reader.uint(edge_bytes))


def _read_tile_size(image: HeifImage, tile_id: int) -> Size:
    """Return the size of a tile after its crop. Raises InvalidImage for a tile that is rotated or mirrored."""
    size = _read_size(image.table, image.data, tile_id)
    properties = [box for box, _ in image.table.item_properties(tile_id)]
    crop, orientation = read_transforms(image.data, properties, size, image.codec.name)
    if orientation != 1:
        raise damaged_image_error(f"the {image.codec.name} has a tile that is rotated")
    return crop[2] - crop[0], crop[3] - crop[1]


def _is_covered(size: Size, columns: int, rows: int, tile: Size) -> bool:
    """Return whether the tiles cover the image and each of them is needed."""
    return all(
        edge * (count - 1) < length <= edge * count
        for length, edge, count in zip(size, tile, (columns, rows), strict=True)
    )


def _check_coded_image(image: HeifImage, item_id: int) -> None:
    """Raise InvalidImage unless the coded data is complete and has the size that the container states."""
    table, codec = image.table, image.codec
    stated = _read_size(table, image.data, item_id)
    configuration = _find_configuration(image.data, table, item_id, codec)
    if configuration is None:
        raise damaged_image_error(f"the {codec.name} has an image without its codec header")
    sizes = list(codec.iter_sizes(configuration, item_bytes(image.data, table, item_id)))
    if not sizes:
        raise damaged_image_error(f"the {codec.name} has an image without its codec header")
    for size in sizes:
        if any(
            not limit <= coded <= limit + _MAX_CODED_MARGIN
            for coded, limit in zip(size, stated, strict=True)
        ):
            raise damaged_image_error(f"the {codec.name} states two different sizes")


def _iter_items(image: HeifImage, item_id: int, profile: bool) -> Iterator[HeifItem]:
    """Yield the item and its tiles for the new file. A tile keeps its crop, because the decoder joins the tiles."""
    table = image.table
    tile_ids = _tile_ids(table, item_id)
    yield _build_item(image, item_id, _NEEDED_PROPERTIES, profile, len(tile_ids))
    for tile_id in tile_ids:
        yield _build_item(image, tile_id, _NEEDED_PROPERTIES | {b"clap"}, profile, 0)


def _build_item(
    image: HeifImage, item_id: int, kinds: frozenset[bytes], profile: bool, tile_count: int
) -> HeifItem:
    data, table = image.data, image.table
    properties = tuple(
        (_property_bytes(data, box), is_essential)
        for box, is_essential in table.item_properties(item_id)
        if box.kind in kinds and (profile or not _is_profile(data, box))
    )
    return HeifItem(table.kinds[item_id], item_bytes(data, table, item_id), properties, tile_count)


def _property_bytes(data: bytes, box: Box) -> bytes:
    """Return the box of a property. Unknown code points of a colour property become "unspecified"."""
    head, body = data[box.head : box.start], data[box.start : box.end]
    return head + (replace_unknown_codes(body) if box.kind == b"colr" else body)


def _is_profile(data: bytes, box: Box) -> bool:
    return box.kind == b"colr" and is_profile(data[box.start : box.end])
