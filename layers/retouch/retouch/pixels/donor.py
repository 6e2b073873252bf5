"""Find the place in a picture whose surroundings look most like those of a hole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import mul

from PIL import Image, ImageChops

from retouch.pixels.regions import Box, grown, inside, moved

Offset = tuple[int, int]

_SQUARES = [value * value for value in range(256)] * 3
_COARSE = 56  # the hole's longer side, in pixels, for the search over the whole picture
_TRIES = 14  # offsets per axis in that search
_RIM = 6  # pixels of surroundings that are compared


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture ("RGB") and what must not be copied from it ("L", 255 = the hole and its halo)."""

    image: Image.Image
    barred: Image.Image

    def reduced(self, factor: int) -> Scene:
        """The same, smaller by a whole factor."""
        if factor == 1:
            return self
        barred = self.barred.reduce(factor).point(lambda value: 255 if value else 0)
        return Scene(self.image.reduce(factor), barred)


def find_donor(scene: Scene, box: Box, smooth: Image.Image) -> Offset | None:
    """How far to move to find the best filling for the hole in `box`; None where nothing fits.

    `smooth` is the hole's smooth filling, as large as the scene. Places are judged by how well their
    rim matches the hole's and, less, by how plain they are: a second ball is no way to lose the first.
    """
    factor = max(1, -(-max(box[2] - box[0], box[3] - box[1]) // _COARSE))
    small = Scene(smooth, scene.barred).reduced(factor)
    coarse = _Search(scene.reduced(factor), small.image, _shrunk(box, factor))
    best = coarse.best(coarse.grid())
    if best is None:
        return None
    fine = _Search(scene, smooth, box)
    start = (best[0] * factor, best[1] * factor)
    return fine.refined(start, factor)


def _shrunk(box: Box, factor: int) -> Box:
    left, top, right, bottom = box
    return left // factor, top // factor, -(-right // factor), -(-bottom // factor)


class _Search:
    """One hole at one scale, ready to be compared with many places."""

    def __init__(self, scene: Scene, smooth: Image.Image, box: Box) -> None:
        self.scene = scene
        self.size = scene.image.size
        self.hole = box
        self.box = grown(box, _RIM, self.size)
        self.barred = scene.barred.crop(self.box)
        self.rim = ImageChops.invert(self.barred)
        self.inner = _only(self.barred, box, self.box)
        self.wanted = smooth.crop(self.box)

    def grid(self) -> Iterator[Offset]:
        """Offsets all over the picture."""
        across = _steps(self.box[0], self.box[2], self.size[0])
        down = _steps(self.box[1], self.box[3], self.size[1])
        return ((dx, dy) for dy in down for dx in across)

    def best(self, offsets: Iterable[Offset]) -> Offset | None:
        """The cheapest of them; None where none is possible."""
        costs = ((self.cost(offset), offset) for offset in offsets)
        return min(((c, o) for c, o in costs if c is not None), default=(0.0, None))[1]

    def refined(self, start: Offset, reach: int) -> Offset | None:
        """Go downhill from there in ever smaller steps."""
        best: Offset | None = start
        step = reach
        while best and step >= 1:
            x, y = best
            near = [(x + dx * step, y + dy * step) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
            best = self.best(near)
            step //= 2
        return best

    def cost(self, offset: Offset) -> float | None:
        """Mean squared difference; None where the place is outside or not to be copied."""
        place = moved(self.box, *offset)
        if not inside(place, self.size):
            return None
        barred = self.scene.barred.crop(place)
        if ImageChops.darker(barred, self.inner).getbbox():
            return None
        difference = ImageChops.difference(self.wanted, self.scene.image.crop(place))
        return _mean_square(difference, self.rim) + 0.35 * _mean_square(difference, self.inner)


def _only(mask: Image.Image, box: Box, frame: Box) -> Image.Image:
    """What of a mask, cropped to `frame`, lies in `box`."""
    kept = Image.new("L", mask.size)
    inner = moved(box, -frame[0], -frame[1])
    kept.paste(mask.crop(inner), inner)
    return kept


def _steps(start: int, end: int, size: int) -> list[int]:
    """Offsets that keep start..end within 0..size, about _TRIES of them."""
    room = size - (end - start)
    step = max(1, room // _TRIES)
    return [at - start for at in range(0, room + 1, step)]


def _mean_square(difference: Image.Image, mask: Image.Image) -> float:
    counts = difference.histogram(mask)
    return sum(map(mul, counts, _SQUARES)) / max(1, sum(counts))
