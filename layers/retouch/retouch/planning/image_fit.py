"""Planning rules for geometry.

Where the model does not accept the size of an image, the request's `fit` decides: refuse, pad, or scale the image.
With fit=pad and fit=auto, the image is also padded to the nearest shape that the model makes. The result of a padded
or scaled image has the size of the caller's image: the gateway crops off the padding or scales the result back.

Every canvas is calculated here, before any pixel exists, and its pixels are limited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from math import ceil, inf, sqrt
from typing import Any

from retouch.core.capabilities import ModelCapabilities, SizeLimits
from retouch.core.edit_types import EditRequest, EncodedImage, FitMode
from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass, replace
from retouch.core.geometry import Placement, Size, centred_placement, full_canvas_placement
from retouch.core.sizes import (
    AspectRatios,
    FixedSizes,
    SameAsInput,
    SizeRange,
    aspect_difference,
    parse_ratio,
    parse_size,
)
from retouch.imaging.limits import DEFAULT_LIMITS
from retouch.imaging.placement import pad_to_ratio
from retouch.planning.fit_mode import PADDING_MODES, find_other_size

# A padded canvas has at most these pixels. A scaled one may have as many as its image. No model makes more.
_MAX_CANVAS_PIXELS = 4096 * 4096
_MAX_CANVAS_SHARE = 1024  # a canvas has at most this many times the pixels of the image on it
_MAX_ROUNDS = 4  # a longer side adds pixels, and a limit on pixels shortens a side again
_FIXED_BY_PAD: tuple[FitMode, ...] = PADDING_MODES
_FIXED_BY_SCALE: tuple[FitMode, ...] = ("scale", *PADDING_MODES)
_REMEDIES = {
    "pad": "Send fit=pad to pad it and crop the result back, or crop it",
    "scale": "Send fit=scale to scale it and scale the result back, or scale it",
}


@frozen_dataclass
class Violation:
    """A rule that an image breaks, and the values of `fit` that would fix it."""

    rule: str
    fixed_by: tuple[FitMode, ...]
    code: str = "unsupported_image_size"


@frozen_dataclass
class FitResult:
    """The placement of the first image, and the parameters that make the result have the shape of its canvas."""

    placement: Placement | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def fit_geometry(model: ModelCapabilities, request: EditRequest) -> FitResult:
    """Return the geometry of the first image.

    Raises InvalidRequest when the model does not accept the image and the request's `fit` does not fix it.
    """
    if model.is_local_editor and request.fit_mode in PADDING_MODES:
        return FitResult()  # a local editor takes and makes every size
    image = request.images[0]
    name = "image[0]" if len(request.images) > 1 else "image"
    limit_placement = place_within_limits(model, image, request.fit_mode, name)
    shape_fit = (
        _fit_output_shape(model, request) if request.fit_mode in PADDING_MODES else FitResult()
    )
    bounded_placement = (
        _bound_shape(model, shape_fit.placement, request.fit_mode, name)
        if shape_fit.placement
        else None
    )
    placement = bounded_placement or limit_placement
    if placement or shape_fit.params:
        _refuse_other_size(request)
    if placement is None:
        return shape_fit
    if model.changes_geometry:
        raise InvalidRequest(
            f"{model.id} changes the geometry of the image, so fit={request.fit_mode} cannot be undone. Leave it out, "
            "and scale the image yourself if it does not fit.",
            param="fit",
        )
    if placement.canvas == image.size:
        return shape_fit
    _reject_extreme_shape(placement, name)
    return FitResult(placement, shape_fit.params, (_placement_note(placement),))


def _reject_extreme_shape(placement: Placement, name: str) -> None:
    """Raise InvalidRequest when the image would fill almost nothing of its canvas. Padding it would take seconds."""
    inner, canvas = placement.size_on_canvas, placement.canvas
    if inner[0] * inner[1] * _MAX_CANVAS_SHARE < canvas[0] * canvas[1]:
        width, height = placement.original
        raise InvalidRequest(
            f"'{name}' is {width}x{height}; padded to {canvas[0]}x{canvas[1]} it would fill less than "
            f"1/{_MAX_CANVAS_SHARE} of the padded image. Crop it to a less extreme shape.",
            param=name,
            code="unsupported_image_size",
        )


def _placement_note(placement: Placement) -> str:
    is_padded = placement.size_on_canvas != placement.canvas
    is_scaled = placement.size_on_canvas != placement.original
    steps = " and ".join(("scaled",) * is_scaled + ("padded",) * is_padded)
    reverse_steps = " and ".join(("cropped",) * is_padded + ("scaled",) * is_scaled)
    width, height = placement.canvas
    return f"image: {steps} to {width}x{height}, the result {reverse_steps} back"


def _bound_shape(
    model: ModelCapabilities, placement: Placement, fit_mode: FitMode, name: str
) -> Placement:
    """Return the placement of an image in a shape that the model makes, scaled into all limits."""
    is_padded = placement.canvas != placement.original
    max_pixels = _MAX_CANVAS_PIXELS if is_padded else _max_canvas_pixels(placement.original)
    bounded_model = _limit_to_canvas(replace(model, requires_square=False), max_pixels)
    return _scale_within_limits(bounded_model, placement, fit_mode, name)


def _max_canvas_pixels(size: Size) -> int:
    return max(size[0] * size[1], _MAX_CANVAS_PIXELS)


def _limit_to_canvas(model: ModelCapabilities, max_pixels: int) -> ModelCapabilities:
    """Return the model with limits that also bound the canvas.

    Without them, the padding of a very long image would make a canvas of hundreds of megapixels.
    """
    limits = model.size_limits
    bounded_limits = replace(
        limits,
        max_edge=min(limits.max_edge or DEFAULT_LIMITS.side, DEFAULT_LIMITS.side),
        max_pixels=min(limits.max_pixels or max_pixels, max_pixels),
    )
    return replace(model, size_limits=bounded_limits)


def _refuse_other_size(request: EditRequest) -> None:
    """Raise InvalidRequest when the request names a size although `fit` is in use.

    A result that is cropped or scaled back has the size of the input image, so it cannot have another size.
    """
    if name := find_other_size(request):
        width, height = request.images[0].size
        raise InvalidRequest(
            f"fit={request.fit_mode} returns the size of your image, {width}x{height}; leave '{name}' out.",
            param=name,
        )


def place_within_limits(
    model: ModelCapabilities, image: EncodedImage, fit_mode: FitMode, name: str
) -> Placement | None:
    """Return a placement within the model's size limits, or None when the image is already within them.

    `name` is the name of the image in errors. Raises InvalidRequest when `fit` cannot bring the image within the
    limits.
    """
    if max(image.size) <= DEFAULT_LIMITS.side and not violations(model, image.size):
        return None
    model = _limit_to_canvas(model, _max_canvas_pixels(image.size))
    broken_rules = list(violations(model, image.size))
    for violation in broken_rules:
        if fit_mode not in violation.fixed_by:
            raise InvalidRequest(
                f"'{name}' is {image.width}x{image.height}; {model.id} takes {violation.rule}. "
                f"{_REMEDIES[violation.fixed_by[0]]}.",
                param=name,
                code=violation.code,
            )
    if not broken_rules:
        return None
    padded = pad_to_ratio(image.size, _allowed_ratio(model, image.size))
    return _scale_within_limits(model, padded, fit_mode, name)


def _scale_within_limits(
    model: ModelCapabilities, placement: Placement, fit_mode: FitMode, name: str
) -> Placement:
    """Return the placement scaled into the model's size limits. A padding mode also lengthens a side that is too short.

    Raises InvalidRequest when the scaled placement still breaks a limit.
    """
    result = scale_placement(placement, _scale_factor(model.size_limits, placement.canvas))
    for _ in range(_MAX_ROUNDS if fit_mode in PADDING_MODES else 0):
        result = _extend_short_side(result, model.size_limits)
        result = scale_placement(result, _scale_factor(model.size_limits, result.canvas))
    for violation in violations(model, result.canvas):
        width, height = placement.original
        raise InvalidRequest(
            f"'{name}' is {width}x{height}; {model.id} takes {violation.rule}, "
            f"and fit={fit_mode} cannot fix that. Crop it.",
            param=name,
            code=violation.code,
        )
    return result


def _extend_short_side(placement: Placement, limits: SizeLimits) -> Placement:
    width, height = placement.canvas
    min_side = max(limits.min_edge, ceil(max(width, height) / (limits.max_aspect_ratio or inf)))
    extra_width, extra_height = max(0, min_side - width), max(0, min_side - height)
    left, top, right, bottom = placement.box
    box = (
        left + extra_width // 2,
        top + extra_height // 2,
        right + extra_width // 2,
        bottom + extra_height // 2,
    )
    return Placement((width + extra_width, height + extra_height), box, placement.original)


def violations(model: ModelCapabilities, size: Size) -> list[Violation]:
    """Return the rules of the model that an image of this size breaks."""
    return list(_iter_violations(model, size))


def _iter_violations(model: ModelCapabilities, size: Size) -> Iterator[Violation]:
    limits, pixels, long, short = model.size_limits, size[0] * size[1], max(size), min(size)
    max_ratio, max_edge, max_pixels = limits.max_aspect_ratio, limits.max_edge, limits.max_pixels
    if model.requires_square and long != short:
        yield Violation("square images", _FIXED_BY_PAD, "image_not_square")
    if max_ratio and long > short * max_ratio:
        yield Violation(f"images of at most {max_ratio:g}:1", _FIXED_BY_PAD)
    if max_edge and long > max_edge:
        yield Violation(f"at most {max_edge} pixels an edge", _FIXED_BY_SCALE)
    if max_pixels and pixels > max_pixels:
        yield Violation(f"at most {max_pixels} pixels", _FIXED_BY_SCALE)
    if short < limits.min_edge:
        yield Violation(f"at least {limits.min_edge} pixels an edge", _FIXED_BY_SCALE)
    if pixels < limits.min_pixels:
        yield Violation(f"at least {limits.min_pixels} pixels", _FIXED_BY_SCALE)


def scale_placement(placement: Placement, factor: float) -> Placement:
    """Return the placement scaled by a factor.

    A factor below 1 rounds the canvas down and a factor above 1 rounds it up, so rounding never breaks a limit.
    """
    if factor == 1:
        return placement
    round_edge = ceil if factor > 1 else int
    canvas = (
        max(1, round_edge(placement.canvas[0] * factor)),
        max(1, round_edge(placement.canvas[1] * factor)),
    )
    left, top, right, bottom = (round(edge * factor) for edge in placement.box)
    right, bottom = min(max(right, left + 1), canvas[0]), min(max(bottom, top + 1), canvas[1])
    return Placement(canvas, (left, top, right, bottom), placement.original)


def _allowed_ratio(model: ModelCapabilities, size: Size) -> Size:
    from fractions import Fraction

    max_ratio = Fraction(model.size_limits.max_aspect_ratio or 0).limit_denominator(100)
    if model.requires_square:
        return 1, 1
    if not max_ratio or max(size) <= min(size) * max_ratio:
        return size
    limit = (max_ratio.numerator, max_ratio.denominator)
    return limit if size[0] > size[1] else (limit[1], limit[0])


def _scale_factor(limits: SizeLimits, canvas: Size) -> float:
    pixels, long, short = canvas[0] * canvas[1], max(canvas), min(canvas)
    shrink_factors = [1.0]
    if limits.max_edge:
        shrink_factors.append(limits.max_edge / long)
    if limits.max_pixels:
        shrink_factors.append(sqrt(limits.max_pixels / pixels))
    grow_factor = max(limits.min_edge / short, sqrt(limits.min_pixels / pixels), 1.0)
    return min(shrink_factors) if min(shrink_factors) < 1 else grow_factor


def _fit_output_shape(model: ModelCapabilities, request: EditRequest) -> FitResult:
    """Return a placement in a shape that the model makes, and the parameters that request this shape.

    A `resolution` that the request names stays.
    """
    spec, size = model.params.get("size"), request.images[0].size
    if isinstance(spec, AspectRatios):
        ratio = spec.nearest_ratio(size)
        tier = None if "resolution" in request.params else spec.smallest_tier(size)
        params = {"size": "auto", "aspect_ratio": ratio, **({"resolution": tier} if tier else {})}
        return FitResult(pad_to_ratio(size, parse_ratio(ratio)), params)
    if isinstance(spec, FixedSizes):
        nearest_size = _nearest_fixed_size(spec, size)
        return FitResult(
            pad_to_ratio(size, nearest_size), {"size": f"{nearest_size[0]}x{nearest_size[1]}"}
        )
    if isinstance(spec, SizeRange):
        own_shape = spec.find_size_of_shape(size) if request.fit_mode == "auto" else None
        if own_shape:
            return FitResult(
                full_canvas_placement(size), {"size": f"{own_shape[0]}x{own_shape[1]}"}
            )
        placement = _place_in_size_range(spec, size)
        return FitResult(placement, {"size": f"{placement.canvas[0]}x{placement.canvas[1]}"})
    if isinstance(spec, SameAsInput) and spec.edge_multiple > 1:
        return FitResult(_place_on_multiples(size, model.size_limits, spec.edge_multiple))
    return FitResult()


def _nearest_fixed_size(spec: FixedSizes, size: Size) -> Size:
    """Return the size of the nearest shape. Among equal shapes, it is the smallest that is large enough, if any."""
    pixels = size[0] * size[1]

    def rank(candidate: Size) -> tuple[float, int, int]:
        candidate_pixels = candidate[0] * candidate[1]
        missing_pixels = max(0, pixels - candidate_pixels)
        return aspect_difference(candidate, size), missing_pixels, candidate_pixels

    return min(filter(None, map(parse_size, spec.sizes)), key=rank)


def _place_on_multiples(size: Size, limits: SizeLimits, multiple: int) -> Placement:
    """Return the image centred on a canvas whose edges are multiples of `multiple`.

    The image is scaled down where it exceeds the limits.
    """
    max_limits = SizeLimits(
        max_edge=limits.max_edge // multiple * multiple, max_pixels=limits.max_pixels
    )
    inner_size = scale_placement(
        Placement(size, (0, 0, *size), size), _scale_factor(max_limits, size)
    ).canvas
    width, height = (_round_up(max(edge, limits.min_edge), multiple) for edge in inner_size)
    return centred_placement(inner_size, (width, height), size)


def _place_in_size_range(spec: SizeRange, size: Size) -> Placement:
    """Return the image scaled into the size range and centred on a canvas that the range allows."""
    limits = SizeLimits(spec.min_edge, spec.max_edge, spec.min_pixels, spec.max_pixels)
    factor = _scale_factor(limits, size)
    while True:
        inner_size = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
        min_edge = max(spec.min_edge, ceil(max(inner_size) / spec.max_aspect_ratio))
        canvas = (
            _round_up(max(inner_size[0], min_edge), spec.edge_multiple),
            _round_up(max(inner_size[1], min_edge), spec.edge_multiple),
        )
        if spec.is_allowed(canvas):
            break
        is_too_large = canvas[0] * canvas[1] > spec.max_pixels or max(canvas) > spec.max_edge
        factor *= 0.99 if is_too_large else 1.01
    return centred_placement(inner_size, canvas, size)


def _round_up(edge: int, multiple: int) -> int:
    return -(-edge // multiple) * multiple
