"""Operations that keep the picture's geometry: carried out in a region, or in the mask where there is one."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageFilter

from retouch.operations.values import Change, PlanError, Values
from retouch.pixels.erase import erase as erased

Run = Callable[[Image.Image, Values, Image.Image | None], Image.Image]


def whole(change: Change) -> Run:
    """For operations on all of a picture, which no mask can confine."""

    def run(image: Image.Image, values: Values, _mask: Image.Image | None) -> Image.Image:
        return change(image, values)

    return run


def within(change: Change) -> Run:
    """For operations on a part: only marked pixels change, those of the region where there is no mask.

    The part is the region, or the box around what the mask marks; nothing outside it has an influence.
    """

    def run(image: Image.Image, values: Values, mask: Image.Image | None) -> Image.Image:
        box = mask.getbbox() if mask else values["region"].box(image.size)
        if box is None:
            return image
        changed = image.copy()
        part = change(image.crop(box), values)
        changed.paste(part, box[:2], mask.crop(box) if mask else None)
        return changed

    return run


def opaque(change: Change) -> Change:
    """For changes that know nothing of transparency, which stays as it is."""

    def kept(part: Image.Image, values: Values) -> Image.Image:
        changed = change(part.convert("RGB"), values)
        if part.mode == "RGBA":
            changed.putalpha(part.getchannel("A"))
        return changed

    return kept


def blur(part: Image.Image, values: Values) -> Image.Image:
    """Gaussian; the radius is measured by the part's shorter edge."""
    blurring = ImageFilter.GaussianBlur(values["radius"].of(min(part.size)))
    if part.mode == "RGBA":  # premultiplied, or the colours under transparent pixels bleed out
        return part.convert("RGBa").filter(blurring).convert("RGBA")
    return part.filter(blurring)


def pixelate(part: Image.Image, values: Values) -> Image.Image:
    """Squares of one colour each, measured by the part's shorter edge."""
    edge = max(1, values["block"].of(min(part.size)))
    small = part.reduce(edge)
    size = small.width * edge, small.height * edge
    return small.resize(size, Image.Resampling.NEAREST).crop((0, 0, *part.size))


def background(part: Image.Image, values: Values) -> Image.Image:
    """A colour behind what is transparent."""
    if part.mode != "RGBA":
        return part
    ground = Image.new("RGBA", part.size, values["color"].rgba)
    return Image.alpha_composite(ground, part)


def erase(image: Image.Image, values: Values, mask: Image.Image | None) -> Image.Image:
    """Removed and filled from the surroundings. PlanError where the region leaves too few.

    InvalidRequest (mask_full) where the caller's mask leaves none: nobody but the caller can mend that.
    """
    if mask:
        return erased(image, mask)
    box = values["region"].box(image.size)
    if 2 * (box[2] - box[0]) * (box[3] - box[1]) > image.width * image.height:
        raise PlanError(
            "the region is more than half of the picture, too much to fill from the rest."
        )
    marked = Image.new("L", image.size)
    marked.paste(255, box)
    return erased(image, marked)
