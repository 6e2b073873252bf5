"""Search an image for the place whose surroundings match the surroundings of a hole best."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import nsmallest
from math import inf
from operator import mul

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Box
from retouch.imaging.inpaint.canvas import InpaintCanvas
from retouch.imaging.inpaint.smooth_fill import smooth_fill
from retouch.imaging.masks.regions import are_disjoint, expand_box, is_inside, shift_box
from retouch.imaging.pillow import Image, ImageChops, ImageFilter

Offset = tuple[int, int]
RatedOffset = tuple[float, Offset]  # (cost, offset)

_SQUARES = [value * value for value in range(256)]
_COARSE_HOLE_SIDE = 40  # pixels; longer side of the hole in the search over the whole image
_GRID_STEPS = 12  # offsets per axis in the search over the whole image
_RIM_PIXELS = 6  # pixels around the hole that are compared
_CONTENT_WEIGHT = 140  # weight of the content of a place; its rim has weight 255
_MAX_GOOD_COST = 150.0  # mean squared difference that is invisible on a smooth surface
# The allowed cost rises by the texture multiplied by these factors.
_GOOD_TEXTURE_FACTOR, _USABLE_TEXTURE_FACTOR = 3.0, 20.0
_MAX_SMOOTH_TEXTURE = 2.0  # texture up to which a smooth surface is not visible
_BLUR = ImageFilter.BoxBlur(2)


@frozen_dataclass
class Hole:
    """A hole at a certain scale, ready to be compared with other places in the image."""

    image: Image.Image  # "RGB" or "L"
    excluded: Image.Image  # "L", same size; 255 where no pixel may be copied
    excluded_box: Box  # bounding box of `excluded`
    box: Box  # the hole and the rim around it; the images below have this size
    target: Image.Image  # the image in `box`
    hole_mask: Image.Image  # "L", 255 in the hole
    weight: Image.Image  # "L", the weight of each pixel in the cost

    def cost(self, offset: Offset) -> float | None:
        """Return the mean squared difference to the place, or None when it is outside or must not be copied."""
        place = shift_box(self.box, *offset)
        if not is_inside(place, self.image.size) or not self._is_copyable(place):
            return None
        difference = ImageChops.difference(self.target, self.image.crop(place)).convert("L")
        return _mean_square(ImageChops.multiply(difference, self.weight))

    def _is_copyable(self, place: Box) -> bool:
        """Return whether the place has no excluded pixel where the hole needs a pixel."""
        return are_disjoint(place, self.excluded_box) or not (
            ImageChops.darker(self.excluded.crop(place), self.hole_mask).getbbox()
        )


@frozen_dataclass
class SourcePatch:
    """The best place to copy from, if there is one, with its quality."""

    offset: Offset | None
    max_offset_error: int  # maximum error of `offset`, in pixels
    cost: float  # mean squared difference
    texture: float  # mean square of the surroundings without their smooth part

    @property
    def is_good(self) -> bool:
        """Return whether the match is good enough to be used as it is.

        Rougher surroundings hide a larger difference, so they allow a higher cost.
        """
        return self.cost < _MAX_GOOD_COST + _GOOD_TEXTURE_FACTOR * self.texture

    @property
    def is_usable(self) -> bool:
        """Return whether the match is better than a smooth surface."""
        return self.cost < _MAX_GOOD_COST + _USABLE_TEXTURE_FACTOR * self.texture

    @property
    def is_needed(self) -> bool:
        """Return whether a smooth surface would be visible in these surroundings."""
        return self.texture > _MAX_SMOOTH_TEXTURE


def find_source_patch(canvas: InpaintCanvas, box: Box, max_starts: int) -> SourcePatch:
    """Return the best place to copy from, to fill the part of the hole in `box`.

    The cost of a place depends on how well its rim matches the rim of the hole. It also depends, with a lower weight,
    on how plain the content of the place is. Otherwise the search could replace a removed object by a copy of a similar
    object. The best `max_starts` places of a grid are searched further.
    """
    factor = max(1, -(-max(box[2] - box[0], box[3] - box[1]) // _COARSE_HOLE_SIDE))
    hole, excluded = (_shrink_mask(mask, factor) for mask in (canvas.hole, canvas.excluded))
    smooth = smooth_fill(canvas.image.reduce(factor), ImageChops.invert(hole))
    left, top, right, bottom = box
    coarse_box = left // factor, top // factor, -(-right // factor), -(-bottom // factor)
    coarse_hole = _build_hole(
        InpaintCanvas(smooth, hole, excluded), coarse_box, content_weight=_CONTENT_WEIGHT
    )
    cost, offset = _search_grid(coarse_hole, max_starts) or (inf, None)
    if offset:
        offset = offset[0] * factor, offset[1] * factor
    return SourcePatch(offset, factor, cost, _measure_texture(coarse_hole))


def refine_offset(source: SourcePatch, canvas: InpaintCanvas, box: Box) -> Offset | None:
    """Return the exact offset to copy from, or None when there is no place to copy from.

    The search starts at the offset of the source and moves to cheaper neighbours in ever smaller steps.
    """
    if source.offset is None:
        return None
    grey = InpaintCanvas(canvas.image.convert("L"), canvas.hole, canvas.excluded)
    best = _descend(
        _build_hole(grey, box, content_weight=0), source.offset, source.max_offset_error
    )
    return best[1] if best else None


def _shrink_mask(mask: Image.Image, factor: int) -> Image.Image:
    return mask.reduce(factor).point(lambda value: 255 if value else 0)


def _build_hole(canvas: InpaintCanvas, box: Box, content_weight: int) -> Hole:
    """Return the Hole for the part in `box`, with the rim around it."""
    window = expand_box(box, _RIM_PIXELS, canvas.image.size)
    target = canvas.image.crop(window)
    hole_mask = canvas.hole_mask(box, window)
    weight = ImageChops.invert(canvas.hole.crop(window))
    weight.paste(content_weight, mask=hole_mask)
    excluded_box = canvas.excluded.getbbox() or (0, 0, 0, 0)
    return Hole(canvas.image, canvas.excluded, excluded_box, window, target, hole_mask, weight)


def _search_grid(hole: Hole, max_starts: int) -> RatedOffset | None:
    """Return the best offset of a grid over the whole image, after a descent from its best offsets."""
    across = _grid_offsets(hole.box[0], hole.box[2], hole.image.width)
    down = _grid_offsets(hole.box[1], hole.box[3], hole.image.height)
    reach = max(1, max(across.step, down.step) // 2)
    grid = nsmallest(max_starts, _rate_offsets(hole, [(dx, dy) for dy in down for dx in across]))
    return min(
        (best for _, offset in grid if (best := _descend(hole, offset, reach))), default=None
    )


def _grid_offsets(start: int, end: int, size: int) -> range:
    """Return about _GRID_STEPS offsets that keep the range start..end within 0..size."""
    room = size - (end - start)
    return range(-start, room + 1 - start, max(1, room // _GRID_STEPS))


def _descend(hole: Hole, start: Offset, reach: int) -> RatedOffset | None:
    """Return the offset that a descent from `start` reaches, or None when no place can be copied.

    Each round moves to the cheapest neighbour and then halves the step.
    """
    best: RatedOffset | None = (0.0, start)
    while best and reach >= 1:
        x, y = best[1]
        neighbours = [(x + dx * reach, y + dy * reach) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        best = min(_rate_offsets(hole, neighbours), default=None)
        reach //= 2
    return best


def _rate_offsets(hole: Hole, offsets: Iterable[Offset]) -> Iterator[RatedOffset]:
    """Yield (cost, offset) for each offset that can be copied from."""
    costs = ((hole.cost(offset), offset) for offset in offsets)
    return ((cost, offset) for cost, offset in costs if cost is not None)


def _measure_texture(hole: Hole) -> float:
    """Return the mean square of what the surroundings contain beyond a smooth surface."""
    residual = ImageChops.difference(hole.target, hole.target.filter(_BLUR)).convert("L")
    return _mean_square(ImageChops.multiply(residual, hole.weight))


def _mean_square(image: Image.Image) -> float:
    """Return the mean square of the values of an "L" image."""
    return float(sum(map(mul, image.histogram(), _SQUARES))) / (image.width * image.height)
