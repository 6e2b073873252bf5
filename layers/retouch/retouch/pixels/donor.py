"""Find the place in a picture whose surroundings look most like those of a hole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import nsmallest
from math import inf
from operator import mul

from PIL import Image, ImageChops, ImageFilter

from retouch.pixels.canvas import Canvas
from retouch.pixels.membrane import membrane
from retouch.pixels.regions import Box, apart, grown, inside, moved

Offset = tuple[int, int]
Found = tuple[float, Offset]  # what it costs, where it is

_SQUARES = [value * value for value in range(256)]
_COARSE = 40  # the hole's longer side, in pixels, for the search over the whole picture
_TRIES = 12  # offsets per axis in that search
_RIM = 6  # pixels of surroundings that are compared
_PLAIN = 140  # weight of a place's own content, where its rim has 255
_GOOD = 150.0  # mean squared difference that nobody sees on a smooth surface
_HIDES, _MISSED = 3.0, 20.0  # by how much of the texture it may be more
_SMOOTH = 2.0  # texture that nobody misses
_BLUR = ImageFilter.BoxBlur(2)


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
        return _mean(ImageChops.multiply(difference, self.weight))

    def _free(self, place: Box) -> bool:
        return apart(place, self.taken) or not (
            ImageChops.darker(self.barred.crop(place), self.inner).getbbox()
        )


@dataclass(frozen=True, slots=True)
class Donor:
    """The best place to copy from, if there is any, and how well it would do."""

    offset: Offset | None
    factor: int  # pixels by which the offset may be off
    cost: float  # mean squared difference
    texture: float  # mean square of what the surroundings have beyond a smooth surface

    @property
    def good(self) -> bool:
        """Whether the eye will accept it as it is: rougher surroundings hide more."""
        return self.cost < _GOOD + _HIDES * self.texture

    @property
    def usable(self) -> bool:
        """Whether it is at least better than a smooth surface."""
        return self.cost < _GOOD + _MISSED * self.texture

    @property
    def needed(self) -> bool:
        """Whether a smooth surface would stand out."""
        return self.texture > _SMOOTH


def find_donor(canvas: Canvas, box: Box, starts: int) -> Donor:
    """The best place to fill the hole's part in `box` from.

    Places are judged by how well their rim matches the hole's and, less, by how plain they are: a
    second ball is no way to lose the first. The best `starts` of a grid are looked at more closely.
    """
    factor = max(1, -(-max(box[2] - box[0], box[3] - box[1]) // _COARSE))
    hole, barred = (_shrunk(mask, factor) for mask in (canvas.hole, canvas.barred))
    smooth = membrane(canvas.image.reduce(factor), ImageChops.invert(hole))
    left, top, right, bottom = box
    small = left // factor, top // factor, -(-right // factor), -(-bottom // factor)
    coarse = _hole(Canvas(smooth, hole, barred), small, plain=_PLAIN)
    cost, offset = _search(coarse, starts) or (inf, None)
    if offset:
        offset = offset[0] * factor, offset[1] * factor
    return Donor(offset, factor, cost, _texture(coarse))


def refine(donor: Donor, canvas: Canvas, box: Box) -> Offset | None:
    """The exact offset to copy by: downhill from the donor's in ever smaller steps."""
    if donor.offset is None:
        return None
    grey = Canvas(canvas.image.convert("L"), canvas.hole, canvas.barred)
    found = _downhill(_hole(grey, box, plain=0), donor.offset, donor.factor)
    return found[1] if found else None


def _shrunk(mask: Image.Image, factor: int) -> Image.Image:
    return mask.reduce(factor).point(lambda value: 255 if value else 0)


def _hole(canvas: Canvas, box: Box, plain: int) -> Hole:
    frame = grown(box, _RIM, canvas.image.size)
    wanted = canvas.image.crop(frame)
    inner = canvas.part(box, frame)
    weight = ImageChops.invert(canvas.hole.crop(frame))
    weight.paste(plain, mask=inner)
    taken = canvas.barred.getbbox() or (0, 0, 0, 0)
    return Hole(canvas.image, canvas.barred, taken, frame, wanted, inner, weight)


def _search(hole: Hole, starts: int) -> Found | None:
    """The best of a grid all over the picture, after going downhill from its best few."""
    across = _steps(hole.box[0], hole.box[2], hole.picture.width)
    down = _steps(hole.box[1], hole.box[3], hole.picture.height)
    reach = max(1, max(across.step, down.step) // 2)
    grid = nsmallest(starts, _costs(hole, [(dx, dy) for dy in down for dx in across]))
    return min((found for _, at in grid if (found := _downhill(hole, at, reach))), default=None)


def _steps(start: int, end: int, size: int) -> range:
    """Offsets that keep start..end within 0..size, about _TRIES of them."""
    room = size - (end - start)
    return range(-start, room + 1 - start, max(1, room // _TRIES))


def _downhill(hole: Hole, start: Offset, reach: int) -> Found | None:
    """Step to the cheapest neighbour, nearer and nearer. None where there is nothing to copy."""
    found: Found | None = (0.0, start)
    while found and reach >= 1:
        x, y = found[1]
        near = [(x + dx * reach, y + dy * reach) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        found = min(_costs(hole, near), default=None)
        reach //= 2
    return found


def _costs(hole: Hole, offsets: Iterable[Offset]) -> Iterator[Found]:
    """(cost, offset) of those that are possible."""
    costs = ((hole.cost(offset), offset) for offset in offsets)
    return ((cost, offset) for cost, offset in costs if cost is not None)


def _texture(hole: Hole) -> float:
    rough = ImageChops.difference(hole.wanted, hole.wanted.filter(_BLUR)).convert("L")
    return _mean(ImageChops.multiply(rough, hole.weight))


def _mean(image: Image.Image) -> float:
    """Mean square of an "L" image."""
    return float(sum(map(mul, image.histogram(), _SQUARES))) / (image.width * image.height)
