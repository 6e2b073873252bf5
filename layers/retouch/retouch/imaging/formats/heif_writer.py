"""Write a HEIF file that holds one image, its tiles and its transparency, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

_HANDLER = b"\0\0\0\0pict" + b"\0" * 13  # the kind of the file, and an empty name
_PRIMARY_ID = 1


class HeifItem(NamedTuple):
    """One item: its type, its data, its property boxes with their essential flag, and the number of tiles after it."""

    kind: bytes
    data: bytes
    properties: tuple[tuple[bytes, bool], ...]
    tile_count: int = 0


def write_heif(
    brand: bytes,
    items: Sequence[HeifItem],
    *,
    alpha_index: int | None,
    is_premultiplied: bool,
) -> bytes:
    """Return the file. The first item is the primary image. The tiles of a grid follow it directly.

    `alpha_index` is the position of the item with the transparency, by which the colours may be multiplied.
    """
    file_type = _box(b"ftyp", brand + b"\0\0\0\0" + brand + b"mif1")
    parts = (
        _full_box(b"hdlr", _HANDLER),
        _full_box(b"pitm", _PRIMARY_ID.to_bytes(2)),
        _item_infos(items),
        _item_references(items, alpha_index, is_premultiplied),
        _item_properties(items),
    )
    locations_bytes = len(_item_locations(items, 0))
    meta_bytes = 12 + sum(map(len, parts)) + locations_bytes
    locations = _item_locations(items, len(file_type) + meta_bytes + 8)
    meta = _full_box(b"meta", b"".join((*parts, locations)))
    return b"".join((file_type, meta, _box_head(b"mdat", items), *(item.data for item in items)))


def _item_infos(items: Sequence[HeifItem]) -> bytes:
    entries = (
        _full_box(b"infe", number.to_bytes(2) + b"\0\0" + item.kind + b"\0", version=2)
        for number, item in enumerate(items, _PRIMARY_ID)
    )
    return _full_box(b"iinf", len(items).to_bytes(2) + b"".join(entries))


def _item_references(
    items: Sequence[HeifItem], alpha_index: int | None, is_premultiplied: bool
) -> bytes:
    references = [
        _reference(b"dimg", number, range(number + 1, number + 1 + item.tile_count))
        for number, item in enumerate(items, _PRIMARY_ID)
        if item.tile_count
    ]
    if alpha_index is not None:
        references.append(_reference(b"auxl", _PRIMARY_ID + alpha_index, (_PRIMARY_ID,)))
    if alpha_index is not None and is_premultiplied:
        references.append(_reference(b"prem", _PRIMARY_ID, (_PRIMARY_ID + alpha_index,)))
    return _full_box(b"iref", b"".join(references)) if references else b""


def _reference(kind: bytes, source: int, targets: Sequence[int]) -> bytes:
    ids = b"".join(target.to_bytes(2) for target in targets)
    return _box(kind, source.to_bytes(2) + len(targets).to_bytes(2) + ids)


def _item_properties(items: Sequence[HeifItem]) -> bytes:
    boxes = list(dict.fromkeys(box for item in items for box, _ in item.properties))
    index = {box: number for number, box in enumerate(boxes, 1)}
    uses = (
        number.to_bytes(2)
        + bytes((len(item.properties),))
        + b"".join(
            (index[box] | is_essential << 15).to_bytes(2) for box, is_essential in item.properties
        )
        for number, item in enumerate(items, _PRIMARY_ID)
    )
    associations = _full_box(b"ipma", len(items).to_bytes(4) + b"".join(uses), flags=1)
    return _box(b"iprp", _box(b"ipco", b"".join(boxes)) + associations)


def _item_locations(items: Sequence[HeifItem], start: int) -> bytes:
    entries = []
    for number, item in enumerate(items, _PRIMARY_ID):
        place = start.to_bytes(4) + len(item.data).to_bytes(4)
        entries.append(number.to_bytes(2) + b"\0\0" + b"\0\1" + place)
        start += len(item.data)
    return _full_box(b"iloc", b"\x44\0" + len(items).to_bytes(2) + b"".join(entries))


def _box_head(kind: bytes, items: Iterable[HeifItem]) -> bytes:
    return (8 + sum(len(item.data) for item in items)).to_bytes(4) + kind


def _box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4) + kind + body


def _full_box(kind: bytes, body: bytes, *, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, bytes((version,)) + flags.to_bytes(3) + body)
