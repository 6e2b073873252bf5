"""A mask drawn in JSON, read strictly: every number checked, every unknown word refused by its name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from retouch.errors import InvalidRequest
from retouch.messages import Size
from retouch.pixels.spans import Ellipse, Polygon, Rectangle, Shape
from retouch.specs import shown

CODE = "invalid_mask_shape"
_MOST_SHAPES = 100
_MOST_POINTS = 1000  # of all polygons together
_FARTHEST = {"px": 65_536, "fraction": 4}
_MOST_CROSSINGS = 1_000_000  # of polygons with lines of pixels: a second's work
_MOST_GROWTH = 400  # pixels
_MOST_FEATHER = 100
_UNITS = ("px", "fraction")
_SPEC = ("shapes", "unit", "feather", "grow", "invert")
_FIELDS = {
    "box": ("x", "y", "width", "height"),
    "circle": ("cx", "cy", "r"),
    "ellipse": ("cx", "cy", "rx", "ry"),
    "polygon": ("points",),
}
_MAKERS: dict[str, Callable[..., Shape]] = {
    "box": Rectangle,
    "circle": lambda cx, cy, r: Ellipse(cx, cy, r, r),
    "ellipse": Ellipse,
}
_LENGTHS = ("width", "height", "r", "rx", "ry")
_DOWN = ("y", "cy", "ry", "height")
_ALONG_SHORTER = ("r", "grow", "feather")


@dataclass(frozen=True, slots=True)
class Finish:
    """What is done to all shapes together, in this order; `grow` and `feather` in whole pixels."""

    grow: int = 0
    invert: bool = False
    feather: int = 0


@dataclass(frozen=True, slots=True)
class Ruler:
    """Turns the caller's unit, "px" or "fraction", into pixels of a picture of that size."""

    unit: str
    size: Size

    def pixels(self, field: str, value: float) -> float:
        """A fraction is one of the width, the height, or, for what has no direction, the shorter side."""
        if self.unit == "px":
            return value
        if field in _ALONG_SHORTER:
            return value * min(self.size)
        return value * self.size[field in _DOWN]


def read_shapes(spec: Mapping[str, Any], size: Size, *, param: str) -> tuple[Shape, ...]:
    """The shapes, in pixels of a picture of that size. InvalidRequest (invalid_mask_shape) otherwise."""
    ruler = read_ruler(spec, size, param=param)
    name = f"{param}.shapes"
    given = _listed(spec.get("shapes"), name, 1, _MOST_SHAPES, "shapes")
    shapes = tuple(_shape(value, f"{name}[{i}]", ruler) for i, value in enumerate(given))
    _check_effort([shape for shape in shapes if isinstance(shape, Polygon)], name, size)
    return shapes


def read_finish(spec: Mapping[str, Any], size: Size, *, param: str) -> Finish:
    """grow, invert and feather. InvalidRequest (invalid_mask_shape) otherwise."""
    ruler = read_ruler(spec, size, param=param)
    invert = spec.get("invert", False)
    if not isinstance(invert, bool):
        _refuse(f"{param}.invert", invert, "true or false")
    grow = _width(spec, "grow", (-_MOST_GROWTH, _MOST_GROWTH), ruler, param)
    feather = _width(spec, "feather", (0, _MOST_FEATHER), ruler, param)
    return Finish(grow, invert, feather)


def read_ruler(spec: Mapping[str, Any], size: Size, *, param: str) -> Ruler:
    """The unit. InvalidRequest for anything that is no such object at all."""
    _object(spec, _SPEC, param, "a drawn mask")
    return Ruler(_choice(spec.get("unit", "px"), _UNITS, f"{param}.unit"), size)


def _check_effort(polygons: list[Polygon], name: str, size: Size) -> None:
    points = sum(len(polygon.points) for polygon in polygons)
    if points > _MOST_POINTS:
        _refuse(name, f"{points} points", f"at most {_MOST_POINTS} points in all polygons together")
    crossings = sum(polygon.crossings(size[1]) for polygon in polygons)
    if crossings > _MOST_CROSSINGS:
        rule = f"polygons that cross at most {_MOST_CROSSINGS} lines of pixels; make them simpler"
        _refuse(name, f"{crossings} crossings", rule)


def _shape(value: Any, name: str, ruler: Ruler) -> Shape:
    if not isinstance(value, Mapping):
        _refuse(name, value, "an object with a type")
    kind = _choice(value.get("type"), tuple(_FIELDS), f"{name}.type")
    fields = _FIELDS[kind]
    _object(value, ("type", *fields), name, f"a {kind}" if kind != "ellipse" else "an ellipse")
    if kind == "polygon":
        return _polygon(value.get("points"), f"{name}.points", ruler)
    return _MAKERS[kind](*(_number(value.get(f), f"{name}.{f}", f, ruler) for f in fields))


def _polygon(value: Any, name: str, ruler: Ruler) -> Polygon:
    given = _listed(value, name, 3, _MOST_POINTS, "points")
    return Polygon(tuple(_point(point, f"{name}[{i}]", ruler) for i, point in enumerate(given)))


def _point(value: Any, name: str, ruler: Ruler) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        _refuse(name, value, "two numbers, [x, y]")
    return (
        _number(value[0], f"{name}[0]", "x", ruler),
        _number(value[1], f"{name}[1]", "y", ruler),
    )


def _number(value: Any, name: str, field: str, ruler: Ruler) -> float:
    """In pixels. Lengths are above 0, coordinates may lie outside the picture."""
    most = _FARTHEST[ruler.unit]
    length = field in _LENGTHS
    rule = f"a number {'above 0 and up' if length else f'from {-most}'} to {most}"
    found = _real(value, name, -most, most, rule)
    if length and found <= 0:
        _refuse(name, value, rule)
    return ruler.pixels(field, found)


def _width(
    spec: Mapping[str, Any], field: str, pixels: tuple[int, int], ruler: Ruler, param: str
) -> int:
    low, high = pixels
    rule = f"a number of {low} to {high} pixels"
    if ruler.unit == "fraction":
        rule += f" as a fraction of the shorter side, which has {min(ruler.size)}"
    value = spec.get(field, 0)
    name = f"{param}.{field}"
    found = ruler.pixels(field, _real(value, name, low, high, rule))
    if not low <= found <= high:
        _refuse(name, value, rule)
    return round(found)


def _real(value: Any, name: str, low: float, high: float, rule: str) -> float:
    """NaN is in no range, and true and false are no numbers."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high:
        _refuse(name, value, rule)
    return float(value)


def _listed(value: Any, name: str, least: int, most: int, what: str) -> list[Any] | tuple[Any, ...]:
    rule = f"a list of {least} to {most} {what}"
    if not isinstance(value, list | tuple):
        _refuse(name, value, rule)
    if not least <= len(value) <= most:
        _refuse(name, f"{len(value)} {what}", rule)
    return value


def _choice(value: Any, words: tuple[str, ...], name: str) -> str:
    if not isinstance(value, str) or value not in words:
        _refuse(name, value, f"one of {', '.join(words)}")
    return value


def _object(value: Any, known: Collection[str], name: str, what: str) -> None:
    if not isinstance(value, Mapping):
        _refuse(name, value, f"an object with {', '.join(known)}")
    for key in value:
        if key not in known:
            text = f"{what} takes {', '.join(known)}. Leave it out or correct it."
            raise _fault(f"Unknown key {shown(key)} in '{name}': {text}", name)


def _refuse(name: str, value: object, rule: str) -> NoReturn:
    """`value` None stands for what was not sent as well."""
    if value is None:
        raise _fault(f"'{name}' is missing: it must be {rule}.", name)
    raise _fault(f"Invalid value {shown(value)} for '{name}': it must be {rule}.", name)


def _fault(text: str, name: str) -> InvalidRequest:
    return InvalidRequest(text, param=name.partition(".")[0], code=CODE)
