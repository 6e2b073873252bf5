"""Fill one hole in a picture from its neighbourhood, in place."""

from __future__ import annotations

from PIL import Image, ImageChops

from retouch.pixels.canvas import Canvas
from retouch.pixels.donor import Donor, find_donor, refine
from retouch.pixels.membrane import membrane
from retouch.pixels.regions import Box, grown, halves, moved

_MARGIN = 24  # pixels of surroundings that shape the smooth surface
_SPLITS = 3  # a hole without a good match as a whole is halved that often
_LEAST = 16  # pixels; a shorter hole is not halved
_SPLITS_UNMATCHED = 1  # one that fits nowhere is halved once more than that,
_LEAST_UNMATCHED = 128  # but not below this


def fill(canvas: Canvas, box: Box, passes: int) -> None:
    """Fill the hole's part in `box`: smoothly at first, then with texture, largest pieces first."""
    frame = grown(box, _MARGIN, canvas.image.size)
    known = ImageChops.invert(canvas.hole.crop(frame))
    smooth = membrane(canvas.image.crop(frame), known, passes)
    canvas.image.paste(smooth, frame[:2], canvas.part(box, frame))
    _fill(canvas, box, 1 + passes, _SPLITS)


def _fill(canvas: Canvas, box: Box, starts: int, splits: int) -> None:
    """As a whole where a donor matches, else half after half, the second one matching the first."""
    tight = canvas.hole.crop(box).getbbox()
    if tight is None:
        return
    box = moved(tight, box[0], box[1])
    donor = find_donor(canvas, box, starts)
    if donor.needed and not donor.good and _splittable(box, donor, splits):
        for half in sorted(halves(box), key=lambda half: -_surroundings(canvas, half)):
            _fill(canvas, half, starts, splits - 1)
        return
    _patch(canvas, box, refine(donor, canvas, box) if donor.usable else None)


def _patch(canvas: Canvas, box: Box, offset: tuple[int, int] | None) -> None:
    """Clone what lies at `offset`, or fit the smooth filling to what has been filled around it."""
    frame = grown(box, _MARGIN, canvas.image.size)
    known = ImageChops.invert(canvas.hole.crop(frame))
    patch = _cloned(canvas, frame, known, offset) if offset else None
    if patch is None and known.getbbox():
        patch = membrane(canvas.image.crop(frame), known)
    if patch:
        canvas.image.paste(patch, frame[:2], canvas.part(box, frame))
    canvas.hole.paste(0, box)


def _splittable(box: Box, donor: Donor, splits: int) -> bool:
    side = max(box[2] - box[0], box[3] - box[1])
    if donor.offset is None:
        return splits > -_SPLITS_UNMATCHED and side > _LEAST_UNMATCHED
    return splits > 0 and side > _LEAST


def _surroundings(canvas: Canvas, box: Box) -> int:
    """How many known pixels there are in and around a box."""
    return canvas.hole.crop(grown(box, _MARGIN, canvas.image.size)).histogram()[0]


def _cloned(
    canvas: Canvas, frame: Box, known: Image.Image, offset: tuple[int, int]
) -> Image.Image | None:
    """The donor in this place's colours: the difference where both are known, spread smoothly.

    None where they are known together nowhere in `frame`.
    """
    place = moved(frame, *offset)
    free = ImageChops.invert(canvas.barred).crop(place)
    shared = ImageChops.darker(free, known)
    if not shared.getbbox():
        return None
    donor = canvas.image.crop(place)
    difference = ImageChops.subtract(canvas.image.crop(frame), donor, 1, 128)
    return ImageChops.add(donor, membrane(difference, shared), 1, -128)
