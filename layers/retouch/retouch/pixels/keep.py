"""What the mask does not mark stays the caller's, whatever the provider made of it."""

from __future__ import annotations

from PIL import Image

from retouch.messages import Size
from retouch.pixels.colour import to_srgb
from retouch.pixels.convert import plain, see_through
from retouch.pixels.regions import Box, area, bands
from retouch.pixels.rim import feathered_part

_SHARE = 200  # the default feather is a 200th of the shorter side
_ANY = [0] + [255] * 255


def put_back(
    before: Image.Image, result: Image.Image, edit: Image.Image, *, feather: int
) -> tuple[Image.Image, int]:
    """The result where `edit` ("L", 255 = edit) marks it, and exactly what was before where it is 0.

    In between both are mixed: as the mask's greys say, and over about `feather` pixels inside its rim
    (0: a hard edge). Nothing of the result gets outside. `before` is what `decode_srgb` gives and is
    used up: a second picture of its size would not always fit into memory, so the work is done in
    there, and only in the bands of the mask's box. A result of another size is scaled to it.
    "RGBA" where either has transparency, "L" where both are grey, else "RGB"; always sRGB. Also says
    how many pixels are as before. Raises ValueError where the mask has another size.
    """
    if before.size != edit.size:
        raise ValueError(f"original {before.size}, mask {edit.size}")
    after = plain(to_srgb(result))
    before = _widened(before, after)
    touched = 0
    for band in bands(edit.getbbox()):
        weight = feathered_part(edit, band, feather)
        touched += area(band) - weight.histogram()[0]
        _mix(before, _part(after, band, before.size), weight, band)
    return before, before.width * before.height - touched


def feather_for(size: Size) -> int:
    """A width in pixels that hides the seam and eats little of the edit: 2 to 16, 5 for 1024x1024."""
    return max(2, min(16, round(min(size) / _SHARE)))


def _widened(before: Image.Image, after: Image.Image) -> Image.Image:
    """In a mode that holds both without loss. Alpha that is 255 everywhere in the result is none."""
    if before.mode != "RGBA" and see_through(after):
        before = before.convert("RGB") if before.mode == "L" else before
        before.putalpha(255)  # where it is, without a copy
    elif before.mode == "L" and after.mode != "L":
        before = before.convert("RGB")
    return before


def _part(after: Image.Image, band: Box, size: Size) -> Image.Image:
    """What lies in that box of a picture of `size`."""
    if after.size == size:
        return after.crop(band)
    across, down = after.width / size[0], after.height / size[1]
    source = (band[0] * across, band[1] * down, band[2] * across, band[3] * down)
    inner = band[2] - band[0], band[3] - band[1]
    return after.resize(inner, Image.Resampling.LANCZOS, box=source)


def _mix(before: Image.Image, part: Image.Image, weight: Image.Image, band: Box) -> None:
    """Colours are weighed by their alpha where there is any, so that hidden ones do not shine through."""
    part = part if part.mode == before.mode else part.convert(before.mode)
    if before.mode == "RGBA":
        own = before.crop(band)
        if see_through(own) or see_through(part):
            mixed = Image.composite(part.convert("RGBa"), own.convert("RGBa"), weight)
            part, weight = mixed.convert("RGBA"), weight.point(_ANY)
    before.paste(part, band, weight)
