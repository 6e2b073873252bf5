"""How much a mask marks, and whether that makes sense."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from PIL import Image, ImageChops

from retouch.messages import Mask, Picture
from retouch.pixels.limits import DEFAULT
from retouch.pixels.refusal import UnfitError

_HARD = [255 if value >= DEFAULT.mask_threshold else 0 for value in range(256)]


def measured(edit: Image.Image, *, empty: str, source: Picture | None = None) -> Mask:
    """A Mask of an "L" image, 255 = edit. Raises UnfitError (mask_empty) where it marks nothing.

    `empty` is the reason and the remedy that the caller is told. Counted inside the marked area's box
    only: counting is slower than decoding a plain mask.
    """
    box = edit.getbbox()
    counts = edit.crop(box).histogram() if box else [0] * 256
    marked = sum(counts[DEFAULT.mask_threshold :])
    if not marked:
        raise UnfitError("mask_empty", f"marks nothing: {empty}")
    return Mask(edit, marked / (edit.width * edit.height), any(counts[1:255]), source)


def hardened(edit: Image.Image) -> Image.Image:
    """Only 0 and 255: what is at least half marked is marked."""
    return edit.point(_HARD)


def unite(parts: Iterable[Image.Image]) -> Image.Image:
    """All that any of the "L" images marks."""
    return reduce(ImageChops.lighter, parts)


def refuse_full(mask: Mask, remedy: str) -> None:
    """Raise UnfitError (mask_full) for a mask that marks every pixel."""
    if mask.coverage == 1.0:
        raise UnfitError("mask_full", f"marks the whole picture. {remedy}")
