"""Remove what a mask marks and fill it from its surroundings: no model, no network, no randomness.

A smooth surface closes the hole, and texture is laid over it from the place in the same picture
whose surroundings match best. That keeps a horizon straight and the grain of sand alive.
"""

from __future__ import annotations

from PIL import Image, ImageChops, ImageFilter

from retouch.errors import InvalidRequest
from retouch.pixels.convert import plain
from retouch.pixels.donor import Scene, find_donor
from retouch.pixels.membrane import membrane
from retouch.pixels.regions import Box, grown, halves, moved, regions

_HALO = 3  # pixels around the mark that show the object's blurred edge and are not to be trusted
_MARGIN = 24  # pixels of surroundings that shape the smooth surface
_SPLITS = 4  # a hole with no match as a whole is halved that often


def erase(image: Image.Image, edit: Image.Image, *, passes: int = 1) -> Image.Image:
    """The image as "L", "RGB" or "RGBA" with the marked area filled.

    `edit` is "L" and as large as the image: 255 is filled, 0 stays exactly as it is, anything
    between is blended. `passes` >= 0 adds smoothing rounds. What was transparent becomes opaque where
    it is marked. Raises InvalidRequest (mask_full) where no pixel is left to fill from, ValueError
    where the sizes differ.
    """
    picture = plain(image)
    if edit.size != picture.size:
        raise ValueError(f"the mask is {edit.size} and the image {picture.size}")
    if edit.getextrema()[0]:
        raise _full()
    colour = picture.convert("RGB")
    scene = Scene(colour, _barred(picture, edit))
    filled = colour.copy()
    for box in regions(edit):
        _fill(filled, scene, box, passes)
    return _merged(picture, filled, edit)


def _full() -> InvalidRequest:
    return InvalidRequest(
        "The mask marks the whole image, so nothing is left to fill it from. Leave some of it opaque.",
        param="mask",
        code="mask_full",
    )


def _barred(picture: Image.Image, edit: Image.Image) -> Image.Image:
    """255 where colours cannot be trusted: marked, next to a mark, or transparent."""
    marked = edit.point(lambda value: 255 if value else 0)
    near = marked.filter(ImageFilter.BoxBlur(_HALO)).point(lambda value: 255 if value else 0)
    if picture.mode == "RGBA":
        clear = picture.getchannel("A").point(lambda alpha: 255 if alpha < 128 else 0)
        near = ImageChops.lighter(near, clear)
    return near if near.getextrema()[0] == 0 else marked


def _fill(filled: Image.Image, scene: Scene, box: Box, passes: int) -> None:
    """Paint over one marked area."""
    size = scene.image.size
    frame = grown(box, _MARGIN, size)
    known = ImageChops.invert(scene.barred.crop(frame))
    smooth = membrane(scene.image.crop(frame), known, passes)
    base = scene.image.copy()
    base.paste(smooth, frame[:2])
    filled.paste(smooth, frame[:2])
    _texture(filled, base, scene, grown(box, _HALO, size), _SPLITS)


def _texture(filled: Image.Image, base: Image.Image, scene: Scene, box: Box, splits: int) -> None:
    """Add the donor's detail to the smooth filling in `box`, or in its halves where none fits all."""
    if not scene.barred.crop(box).getbbox():
        return
    offset = find_donor(scene, box, base)
    if offset:
        _copy(filled, base, scene, box, offset)
    elif splits and max(box[2] - box[0], box[3] - box[1]) > 2 * _HALO:
        for half in halves(box):
            _texture(filled, base, scene, half, splits - 1)


def _copy(
    filled: Image.Image, base: Image.Image, scene: Scene, box: Box, offset: tuple[int, int]
) -> None:
    """filled = smooth here + (donor - smooth there)."""
    frame = grown(box, _MARGIN, scene.image.size)
    donor = scene.image.crop(moved(frame, *offset))
    hole = Image.new("L", donor.size)
    inner = moved(box, -frame[0], -frame[1])
    hole.paste(scene.barred.crop(box), inner)
    there = membrane(donor, ImageChops.invert(hole))
    detail = ImageChops.subtract(donor, there, 1, 128)
    rich = ImageChops.add(base.crop(frame), detail, 1, -128)
    filled.paste(rich, frame[:2], hole)


def _merged(picture: Image.Image, filled: Image.Image, edit: Image.Image) -> Image.Image:
    """The filling where it is marked, the picture bit by bit where it is not."""
    result = picture.copy()
    if picture.mode == "RGBA":
        filled.putalpha(255)
    result.paste(filled.convert(picture.mode), mask=edit)
    return result
