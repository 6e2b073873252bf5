"""What the mask does not mark stays the caller's, whatever the provider made of it."""

from __future__ import annotations

from PIL import Image

from retouch.messages import Picture, Size
from retouch.pixels.colour import decode_srgb, to_srgb
from retouch.pixels.convert import plain
from retouch.pixels.rim import feathered

_SHARE = 200  # the default feather is a 200th of the shorter side
_ANY = [0] + [255] * 255


def keep_outside(
    original: Picture, result: Image.Image, edit: Image.Image, *, feather: int
) -> tuple[Image.Image, int]:
    """The result where `edit` ("L", 255 = edit) marks it, and exactly the original where it is 0.

    In between both are mixed: as the mask's greys say, and over about `feather` pixels inside its rim
    (0: a hard edge). Nothing of the result gets outside. "RGBA" where either has transparency, "L"
    where both are grey, else "RGB"; always sRGB. Also says how many pixels are the original's alone.
    Raises ValueError unless all three sizes are equal, and InvalidRequest like `decode`.
    """
    before = decode_srgb(original)
    after = plain(to_srgb(result))
    if not before.size == after.size == edit.size:
        raise ValueError(f"original {before.size}, result {after.size}, mask {edit.size}")
    weight = feathered(edit, feather)
    mode = _common(before, after)
    mixed = _mixed(before.convert(mode), after.convert(mode), weight)
    return mixed, weight.histogram()[0]


def feather_for(size: Size) -> int:
    """A width in pixels that hides the seam and eats little of the edit: 2 to 16, 5 for 1024x1024."""
    return max(2, min(16, round(min(size) / _SHARE)))


def _common(before: Image.Image, after: Image.Image) -> str:
    """A mode that holds both without loss. Alpha that is 255 everywhere in the result is none."""
    modes = {before.mode, "RGB" if after.mode == "RGBA" and _opaque(after) else after.mode}
    return next(mode for mode in ("RGBA", "RGB", "L") if mode in modes)


def _opaque(image: Image.Image) -> bool:
    return image.mode != "RGBA" or image.getchannel("A").getextrema() == (255, 255)


def _mixed(before: Image.Image, after: Image.Image, weight: Image.Image) -> Image.Image:
    """Colours are weighed by their alpha where there is any, so that hidden ones do not shine through."""
    if _opaque(before) and _opaque(after):
        return Image.composite(after, before, weight)
    mixed = Image.composite(after.convert("RGBa"), before.convert("RGBa"), weight)
    return Image.composite(mixed.convert("RGBA"), before, weight.point(_ANY))
