"""The plan's rules about geometry: a picture the model cannot take is refused, padded or scaled, as `fit` says.

Padded and scaled pictures come back in the caller's own geometry: what was added is cut off the answer again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, inf, sqrt
from typing import Any

from retouch.cards import Bounds, Model
from retouch.errors import InvalidRequest
from retouch.framing import Frame
from retouch.messages import Fit, Picture, Size, Wish
from retouch.pixels.frame import pad_to_ratio
from retouch.sizes import AsInput, FixedSizes, FreeSize, Ratios, apart, parse_size, shape

_ROUNDS = 4  # a side made longer adds pixels, and fewer pixels make a side shorter
_PAD: tuple[Fit, ...] = ("pad",)
_SCALE: tuple[Fit, ...] = ("scale", "pad")
_HINT = {
    "pad": "Send fit=pad to have it padded and the answer cropped back, or crop it",
    "scale": "Send fit=scale to have it scaled and the answer scaled back, or scale it",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """A rule that a picture breaks, and what would mend it."""

    rule: str
    mended_by: tuple[Fit, ...]
    code: str = "unsupported_image_size"


@dataclass(frozen=True, slots=True)
class Fitted:
    """The first picture's frame, and what the model must be told so that the answer has the frame's shape."""

    frame: Frame | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def fit(model: Model, wish: Wish) -> Fitted:
    """The first picture's geometry. InvalidRequest where the model cannot take it and `fit` does not help."""
    picture = wish.images[0]
    name = "image[0]" if len(wish.images) > 1 else "image"
    frame = bounded(model, picture, wish.fit, name)
    shaped = _shaped(model, picture) if wish.fit == "pad" and not model.direct else Fitted()
    inside = (
        _within(replace(model, square=False), shaped.frame, wish.fit, name)
        if shaped.frame
        else None
    )
    chosen = inside or frame
    if chosen is None:
        return shaped
    _own_size(wish)
    if model.reshapes:
        raise InvalidRequest(
            f"{model.id} answers in a geometry of its own, so fit={wish.fit} has nothing to restore. Leave it out, "
            "and scale the picture yourself where it does not fit.",
            param="fit",
        )
    if chosen.canvas == picture.size:
        return shaped
    done, back = (
        ("scaled", "scaled") if chosen.box == (0, 0, *chosen.canvas) else ("padded", "cropped")
    )
    note = f"image: {done} to {chosen.canvas[0]}x{chosen.canvas[1]}, the answer {back} back"
    return Fitted(chosen, shaped.params, (note,))


def _own_size(wish: Wish) -> None:
    """An answer that is mapped back has the picture's own size, so no other can be asked for."""
    for name in ("size", "aspect_ratio"):
        if wish.params.get(name, "auto") != "auto":
            width, height = wish.images[0].size
            raise InvalidRequest(
                f"fit={wish.fit} answers in your picture's own size, {width}x{height}; leave '{name}' out.",
                param=name,
            )


def bounded(model: Model, picture: Picture, how: Fit, name: str) -> Frame | None:
    """A frame that keeps the model's bounds; None where the picture keeps them. InvalidRequest otherwise."""
    found = list(troubles(model, picture.size))
    for trouble in found:
        if how not in trouble.mended_by:
            raise InvalidRequest(
                f"'{name}' is {picture.width}x{picture.height}; {model.id} takes {trouble.rule}. "
                f"{_HINT[trouble.mended_by[0]]}.",
                param=name,
                code=trouble.code,
            )
    if not found:
        return None
    padded = pad_to_ratio(picture.size, _ratio(model, picture.size))
    return _within(model, padded, how, name)


def _within(model: Model, frame: Frame, how: Fit, name: str) -> Frame:
    """The frame scaled into the model's bounds; with `pad` a side that is too short then is made longer."""
    found = scaled(frame, _factor(model.bounds, frame.canvas))
    for _ in range(_ROUNDS if how == "pad" else 0):
        found = _lengthened(found, model.bounds)
        found = scaled(found, _factor(model.bounds, found.canvas))
    for trouble in troubles(model, found.canvas):
        width, height = frame.original
        raise InvalidRequest(
            f"'{name}' is {width}x{height}; {model.id} takes {trouble.rule}, and fit={how} cannot help. Crop it.",
            param=name,
            code=trouble.code,
        )
    return found


def _lengthened(frame: Frame, bounds: Bounds) -> Frame:
    width, height = frame.canvas
    least = max(bounds.least_edge, ceil(max(width, height) / (bounds.widest or inf)))
    across, down = max(0, least - width), max(0, least - height)
    left, top, right, bottom = frame.box
    moved = (left + across // 2, top + down // 2, right + across // 2, bottom + down // 2)
    return Frame((width + across, height + down), moved, frame.original)


def troubles(model: Model, size: Size) -> list[Trouble]:
    """The rules a size breaks."""
    bounds, pixels, long, short = model.bounds, size[0] * size[1], max(size), min(size)
    flat, edge, area = bounds.widest, bounds.most_edge, bounds.most_pixels
    rules = (
        (model.square and long != short, Trouble("square pictures", _PAD, "image_not_square")),
        (flat and long > short * flat, Trouble(f"pictures of at most {flat:g}:1", _PAD)),
        (edge and long > edge, Trouble(f"at most {edge} pixels an edge", _SCALE)),
        (area and pixels > area, Trouble(f"at most {area} pixels", _SCALE)),
        (
            short < bounds.least_edge,
            Trouble(f"at least {bounds.least_edge} pixels an edge", _SCALE),
        ),
        (
            pixels < bounds.least_pixels,
            Trouble(f"at least {bounds.least_pixels} pixels", _SCALE),
        ),
    )
    return [trouble for broken, trouble in rules if broken]


def scaled(frame: Frame, factor: float) -> Frame:
    """The same frame, larger or smaller; never over a limit by rounding."""
    if factor == 1:
        return frame
    whole = ceil if factor > 1 else int
    canvas = (max(1, whole(frame.canvas[0] * factor)), max(1, whole(frame.canvas[1] * factor)))
    left, top, right, bottom = (round(edge * factor) for edge in frame.box)
    right, bottom = min(max(right, left + 1), canvas[0]), min(max(bottom, top + 1), canvas[1])
    return Frame(canvas, (left, top, right, bottom), frame.original)


def _ratio(model: Model, size: Size) -> Size:
    widest = Fraction(model.bounds.widest or 0).limit_denominator(100)
    if model.square:
        return 1, 1
    if not widest or max(size) <= min(size) * widest:
        return size
    flat = (widest.numerator, widest.denominator)
    return flat if size[0] > size[1] else (flat[1], flat[0])


def _factor(bounds: Bounds, canvas: Size) -> float:
    pixels, long, short = canvas[0] * canvas[1], max(canvas), min(canvas)
    shrink = [1.0]
    if bounds.most_edge:
        shrink.append(bounds.most_edge / long)
    if bounds.most_pixels:
        shrink.append(sqrt(bounds.most_pixels / pixels))
    grow = max(bounds.least_edge / short, sqrt(bounds.least_pixels / pixels), 1.0)
    return min(shrink) if min(shrink) < 1 else grow


def _shaped(model: Model, picture: Picture) -> Fitted:
    """A frame in a shape that the model makes, and the parameter that asks for it."""
    spec = model.params.get("size")
    if isinstance(spec, Ratios):
        ratio, tier = spec.nearest(picture.size), spec.tier(picture.size)
        params = {"aspect_ratio": ratio, **({"resolution": tier} if tier else {})}
        return Fitted(pad_to_ratio(picture.size, shape(ratio)), params)
    if isinstance(spec, FixedSizes):
        made = [size for size in map(parse_size, spec.sizes) if size]
        best = min(made, key=lambda size: apart(size, picture.size))
        return Fitted(pad_to_ratio(picture.size, best), {"size": f"{best[0]}x{best[1]}"})
    if isinstance(spec, FreeSize):
        frame = _free(spec, picture.size)
        return Fitted(frame, {"size": f"{frame.canvas[0]}x{frame.canvas[1]}"})
    if isinstance(spec, AsInput) and spec.step > 1:
        return Fitted(_whole_steps(picture.size, model.bounds, spec.step))
    return Fitted()


def _whole_steps(size: Size, bounds: Bounds, step: int) -> Frame:
    """The picture, smaller if it must be, on a canvas of whole steps around it."""
    most = Bounds(most_edge=bounds.most_edge // step * step, most_pixels=bounds.most_pixels)
    inner = scaled(Frame(size, (0, 0, *size), size), _factor(most, size)).canvas
    width, height = (_step(max(edge, bounds.least_edge), step) for edge in inner)
    return _around(inner, (width, height), size)


def _free(spec: FreeSize, size: Size) -> Frame:
    """The picture scaled into the limits, on a canvas of whole steps around it."""
    whole = Bounds(1, spec.longest_edge, spec.least_pixels, spec.most_pixels)
    factor = _factor(whole, size)
    while True:
        inner = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
        least = ceil(max(inner) / spec.widest)
        canvas = (_step(max(inner[0], least), spec.step), _step(max(inner[1], least), spec.step))
        if spec.allows(canvas):
            break
        over = canvas[0] * canvas[1] > spec.most_pixels or max(canvas) > spec.longest_edge
        factor *= 0.99 if over else 1.01
    return _around(inner, canvas, size)


def _around(inner: Size, canvas: Size, size: Size) -> Frame:
    left, top = (canvas[0] - inner[0]) // 2, (canvas[1] - inner[1]) // 2
    return Frame(canvas, (left, top, left + inner[0], top + inner[1]), size)


def _step(edge: int, step: int) -> int:
    return -(-edge // step) * step
