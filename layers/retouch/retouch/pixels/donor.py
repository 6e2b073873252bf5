"""Find the place in a picture whose surroundings look most like those of a hole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import mul

from PIL import Image, ImageChops

from retouch.pixels.membrane import membrane
from retouch.pixels.regions import Box, apart, grown, inside, moved

Offset = tuple[int, int]

_LEVELS = list(range(256))
_SQUARES = [value * value for value in _LEVELS]
_COARSE = 40  # the hole's longer side, in pixels, for the search over the whole picture
_TRIES = 12  # offsets per axis in that search
_RIM = 6  # pixels of surroundings that are compared
_PLAIN = 140  # weight of a place's own content, where its rim has 255
_GOOD = 150.0  # mean squared difference that nobody sees


@dataclass(frozen=True, slots=True)
class Hole:
    """A hole at some scale, ready to be compared with other places in the picture."""

    picture: Image.Image  # "RGB" or "L"
    barred: Image.Image  # "L", as large; 255 where nothing may be copied from
    taken: Box  # around all that is barred
    box: Box  # the hole and the rim around it; what follows is as large as this
    wanted: Image.Image  # the picture there
    inner: Image.Image  # "L", 255 in the hole
    weight: Image.Image  # "L", how much each pixel counts

    def cost(self, offset: Offset) -> float | None:
        """Mean squared difference; None where the place is outside or not to be copied."""
        place = moved(self.box, *offset)
        if not inside(place, self.picture.size) or not self._free(place):
            return None
        difference = ImageChops.difference(self.wanted, self.picture.crop(place)).convert("L")
        return _mean(ImageChops.multiply(difference, self.weight), _SQUARES)

    def _free(self, place: Box) -> bool:
        return apart(place, self.taken) or not (
            ImageChops.darker(self.barred.crop(place), self.inner).getbbox()
        )


@dataclass(frozen=True, slots=True)
class Donor:
    """A place to copy from: how far away, give or take, and whether the eye will accept it."""

    offset: Offset
    factor: int  # pixels by which the offset may be off
    good: bool


def find_donor(
    picture: Image.Image, hole: Image.Image, barred: Image.Image, box: Box
) -> Donor | None:
    """The best place to fill the part of `hole` in `box` from; None where nothing fits.

    `picture` is "RGB"; `hole` and `barred` are "L" of the same size, 255 in the hole and where
    nothing may be copied from. Places are judged by how well their rim matches and, less, by how
    plain they are: a second ball is no way to lose the first.
    """
    factor = max(1, -(-max(box[2] - box[0], box[3] - box[1]) // _COARSE))
    small_hole, small_barred = (_shrunk(mask, factor) for mask in (hole, barred))
    smooth = membrane(picture.reduce(factor), ImageChops.invert(small_hole))
    left, top, right, bottom = box
    small_box = left // factor, top // factor, -(-right // factor), -(-bottom // factor)
    coarse = _hole(smooth, small_hole, small_barred, small_box, plain=_PLAIN)
    best = _best(coarse, _grid(coarse))
    if best is None:
        return None
    cost, (dx, dy) = best
    good = cost < max(_GOOD, 0.5 * _variance(coarse.wanted))
    return Donor((dx * factor, dy * factor), factor, good)


def refine(
    donor: Donor, picture: Image.Image, hole: Image.Image, barred: Image.Image, box: Box
) -> Offset | None:
    """The exact offset to copy by: downhill from the donor's in ever smaller steps."""
    fine = _hole(picture.convert("L"), hole, barred, box, plain=0)
    best: Offset | None = donor.offset
    reach = donor.factor
    while best and reach >= 1:
        x, y = best
        near = [(x + dx * reach, y + dy * reach) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        found = _best(fine, near)
        best = found[1] if found else None
        reach //= 2
    return best


def _shrunk(mask: Image.Image, factor: int) -> Image.Image:
    return mask.reduce(factor).point(lambda value: 255 if value else 0)


def _hole(
    picture: Image.Image, hole: Image.Image, barred: Image.Image, box: Box, plain: int
) -> Hole:
    frame = grown(box, _RIM, picture.size)
    wanted = picture.crop(frame)
    inner = Image.new("L", wanted.size)
    inner.paste(hole.crop(box), moved(box, -frame[0], -frame[1]))
    weight = ImageChops.invert(hole.crop(frame))
    weight.paste(plain, mask=inner)
    taken = barred.getbbox() or (0, 0, 0, 0)
    return Hole(picture, barred, taken, frame, wanted, inner, weight)


def _grid(hole: Hole) -> Iterator[Offset]:
    """Offsets all over the picture."""
    across = _steps(hole.box[0], hole.box[2], hole.picture.width)
    down = _steps(hole.box[1], hole.box[3], hole.picture.height)
    return ((dx, dy) for dy in down for dx in across)


def _steps(start: int, end: int, size: int) -> list[int]:
    """Offsets that keep start..end within 0..size, about _TRIES of them."""
    room = size - (end - start)
    return [at - start for at in range(0, room + 1, max(1, room // _TRIES))]


def _best(hole: Hole, offsets: Iterable[Offset]) -> tuple[float, Offset] | None:
    """The cheapest of them with its cost; None where none is possible."""
    costs = ((hole.cost(offset), offset) for offset in offsets)
    return min(((cost, offset) for cost, offset in costs if cost is not None), default=None)


def _mean(image: Image.Image, weights: list[int]) -> float:
    counts = image.histogram()
    return float(sum(map(mul, counts, weights))) / (image.width * image.height)


def _variance(image: Image.Image) -> float:
    grey = image.convert("L")
    return _mean(grey, _SQUARES) - _mean(grey, _LEVELS) ** 2
