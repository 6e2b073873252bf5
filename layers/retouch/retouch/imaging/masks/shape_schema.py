"""Parse a mask that is described in JSON. Every number is checked, and every unknown key is rejected by its name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn

from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Size
from retouch.core.parameters import quote_value
from retouch.imaging.masks.adjust import MAX_FEATHER, MAX_GROW, MaskAdjustments
from retouch.imaging.masks.rasterize import Ellipse, Polygon, Rectangle, Shape

INVALID_SHAPE_CODE = "invalid_mask_shape"
_MAX_SHAPES = 100
_MAX_POINTS = 1000  # in all polygons together
_MAX_COORDINATES = {"px": 65_536, "fraction": 4}
# Crossings of polygon sides with pixel rows. This many take about a second to draw.
_MAX_CROSSINGS = 1_000_000
_UNITS = ("px", "fraction")
_MASK_KEYS = ("shapes", "unit", "feather", "grow", "invert")
_SHAPE_FIELDS = {
    "box": ("x", "y", "width", "height"),
    "circle": ("cx", "cy", "r"),
    "ellipse": ("cx", "cy", "rx", "ry"),
    "polygon": ("points",),
}
_SHAPE_CLASSES: dict[str, Callable[..., Shape]] = {
    "box": Rectangle,
    "circle": lambda cx, cy, r: Ellipse(cx, cy, r, r),
    "ellipse": Ellipse,
}
_LENGTH_FIELDS = ("width", "height", "r", "rx", "ry")
_VERTICAL_FIELDS = ("y", "cy", "ry", "height")
_SHORTER_SIDE_FIELDS = ("r", "grow", "feather")


@frozen_dataclass
class UnitConverter:
    """Converts values in the client's unit, "px" or "fraction", to pixels of an image of that size."""

    unit: str
    size: Size

    def to_pixels(self, field: str, value: float) -> float:
        """Return the value in pixels.

        A fraction refers to the width or the height. For a field without a direction it refers to the shorter side.
        """
        if self.unit == "px":
            return value
        if field in _SHORTER_SIDE_FIELDS:
            return value * min(self.size)
        return value * self.size[field in _VERTICAL_FIELDS]


def read_shapes(spec: Mapping[str, Any], size: Size, *, param: str) -> tuple[Shape, ...]:
    """Return the shapes, in pixels of an image of that size.

    Raises InvalidRequest (invalid_mask_shape) when a value breaks a rule.
    """
    converter = read_unit(spec, size, param=param)
    name = f"{param}.shapes"
    items = _read_list(spec.get("shapes"), name, 1, _MAX_SHAPES, "shapes")
    shapes = tuple(_read_shape(value, f"{name}[{i}]", converter) for i, value in enumerate(items))
    _check_polygon_cost([shape for shape in shapes if isinstance(shape, Polygon)], name, size)
    return shapes


def read_adjustments(spec: Mapping[str, Any], size: Size, *, param: str) -> MaskAdjustments:
    """Return grow, invert and feather.

    Raises InvalidRequest (invalid_mask_shape) when a value breaks a rule.
    """
    converter = read_unit(spec, size, param=param)
    invert = spec.get("invert", False)
    if not isinstance(invert, bool):
        _refuse(f"{param}.invert", invert, "true or false")
    grow = _read_rim_width(spec, "grow", (-MAX_GROW, MAX_GROW), converter, param)
    feather = _read_rim_width(spec, "feather", (0, MAX_FEATHER), converter, param)
    return MaskAdjustments(grow, invert, feather)


def read_unit(spec: Mapping[str, Any], size: Size, *, param: str) -> UnitConverter:
    """Return the converter for the unit of the mask description.

    Raises InvalidRequest (invalid_mask_shape) when the value is not an object with the known keys, or the unit is
    unknown.
    """
    _check_keys(spec, _MASK_KEYS, param, "a drawn mask")
    return UnitConverter(_read_choice(spec.get("unit", "px"), _UNITS, f"{param}.unit"), size)


def _check_polygon_cost(polygons: list[Polygon], name: str, size: Size) -> None:
    """Raise InvalidRequest (invalid_mask_shape) when drawing the polygons would take too much work."""
    points = sum(len(polygon.points) for polygon in polygons)
    if points > _MAX_POINTS:
        _refuse(name, f"{points} points", f"at most {_MAX_POINTS} points in all polygons together")
    crossings = sum(polygon.count_crossings(size[1]) for polygon in polygons)
    if crossings > _MAX_CROSSINGS:
        rule = f"polygons that cross at most {_MAX_CROSSINGS} lines of pixels; make them simpler"
        _refuse(name, f"{crossings} crossings", rule)


def _read_shape(value: Any, name: str, converter: UnitConverter) -> Shape:
    if not isinstance(value, Mapping):
        _refuse(name, value, "an object with a type")
    kind = _read_choice(value.get("type"), tuple(_SHAPE_FIELDS), f"{name}.type")
    fields = _SHAPE_FIELDS[kind]
    _check_keys(value, ("type", *fields), name, f"a {kind}" if kind != "ellipse" else "an ellipse")
    if kind == "polygon":
        return _read_polygon(value.get("points"), f"{name}.points", converter)
    return _SHAPE_CLASSES[kind](
        *(_read_measure(value.get(f), f"{name}.{f}", f, converter) for f in fields)
    )


def _read_polygon(value: Any, name: str, converter: UnitConverter) -> Polygon:
    items = _read_list(value, name, 3, _MAX_POINTS, "points")
    return Polygon(
        tuple(_read_point(point, f"{name}[{i}]", converter) for i, point in enumerate(items))
    )


def _read_point(value: Any, name: str, converter: UnitConverter) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        _refuse(name, value, "two numbers, [x, y]")
    return (
        _read_measure(value[0], f"{name}[0]", "x", converter),
        _read_measure(value[1], f"{name}[1]", "y", converter),
    )


def _read_measure(value: Any, name: str, field: str, converter: UnitConverter) -> float:
    """Return the value in pixels. Lengths must be above 0; coordinates may lie outside the image."""
    max_value = _MAX_COORDINATES[converter.unit]
    is_length = field in _LENGTH_FIELDS
    rule = f"a number {'above 0 and up' if is_length else f'from {-max_value}'} to {max_value}"
    number = _read_number(value, name, -max_value, max_value, rule)
    if is_length and number <= 0:
        _refuse(name, value, rule)
    return converter.to_pixels(field, number)


def _read_rim_width(
    spec: Mapping[str, Any],
    field: str,
    pixels: tuple[int, int],
    converter: UnitConverter,
    param: str,
) -> int:
    """Return the value of grow or feather in whole pixels."""
    low, high = pixels
    rule = f"a number of {low} to {high} pixels"
    if converter.unit == "fraction":
        rule += f" as a fraction of the shorter side, which has {min(converter.size)}"
    value = spec.get(field, 0)
    name = f"{param}.{field}"
    width = converter.to_pixels(field, _read_number(value, name, low, high, rule))
    if not low <= width <= high:
        _refuse(name, value, rule)
    return round(width)


def _read_number(value: Any, name: str, low: float, high: float, rule: str) -> float:
    """Return the value as a float. NaN is in no range, and true and false are not numbers."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:
        _refuse(name, value, rule)
    return float(value)


def _read_list(
    value: Any, name: str, min_items: int, max_items: int, item_name: str
) -> list[Any] | tuple[Any, ...]:
    rule = f"a list of {min_items} to {max_items} {item_name}"
    if not isinstance(value, list | tuple):
        _refuse(name, value, rule)
    if not min_items <= len(value) <= max_items:
        _refuse(name, f"{len(value)} {item_name}", rule)
    return value


def _read_choice(value: Any, choices: tuple[str, ...], name: str) -> str:
    if not isinstance(value, str) or value not in choices:
        _refuse(name, value, f"one of {', '.join(choices)}")
    return value


def _check_keys(value: Any, known_keys: Collection[str], name: str, subject: str) -> None:
    """Raise InvalidRequest (invalid_mask_shape) unless the value is an object with known keys only."""
    if not isinstance(value, Mapping):
        _refuse(name, value, f"an object with {', '.join(known_keys)}")
    for key in value:
        if key not in known_keys:
            remedy = f"{subject} takes {', '.join(known_keys)}. Leave it out or correct it."
            raise _shape_error(f"Unknown key {quote_value(key)} in '{name}': {remedy}", name)


def _refuse(name: str, value: object, rule: str) -> NoReturn:
    """Raise InvalidRequest (invalid_mask_shape) for the value. None also means that the value was not sent."""
    if value is None:
        raise _shape_error(f"'{name}' is missing: it must be {rule}.", name)
    raise _shape_error(f"Invalid value {quote_value(value)} for '{name}': it must be {rule}.", name)


def _shape_error(message: str, name: str) -> InvalidRequest:
    return InvalidRequest(message, param=name.partition(".")[0], code=INVALID_SHAPE_CODE)
