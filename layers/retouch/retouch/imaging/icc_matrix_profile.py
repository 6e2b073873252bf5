"""Builds ICC profiles of three primaries and one tone curve, which LittleCMS applies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import pack
from typing import NamedTuple

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]  # rows
Chromaticity = tuple[float, float]  # CIE x and y

_D50 = (0.9642, 1.0, 0.8249)  # CIE XYZ; the white of every ICC profile
_BRADFORD: Matrix = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)
_MIN_DETERMINANT = 1e-4  # primaries closer to one line than this do not span colours
_MAX_SUM = 1.00001  # x + y of a colour is at most 1, apart from rounding
_HEADER_BYTES, _TAG_ENTRY_BYTES = 128, 12
_VERSION_4 = 0x04200000


class Primaries(NamedTuple):
    """The chromaticities of the white point and of the three primaries."""

    white: Chromaticity
    red: Chromaticity
    green: Chromaticity
    blue: Chromaticity

    def is_near(self, other: Primaries, tolerance: float) -> bool:
        """Return whether no coordinate differs by more than `tolerance`."""
        return all(
            abs(a - b) <= tolerance
            for mine, others in zip(self, other, strict=True)
            for a, b in zip(mine, others, strict=True)
        )


SRGB_PRIMARIES = Primaries((0.3127, 0.3290), (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))


def is_valid_primaries(primaries: Primaries) -> bool:
    """Return whether the primaries span a colour space that has the white point inside."""
    if any(not (0 < y <= 1 and x + y <= _MAX_SUM) for x, y in primaries):
        return False
    columns = _primary_columns(primaries)
    if abs(_determinant(columns)) < _MIN_DETERMINANT:
        return False
    return all(weight > 0 for weight in _solve(columns, _to_xyz(primaries.white)))


def build_matrix_profile(primaries: Primaries, linear_light: Sequence[float]) -> bytes:
    """Return an ICC profile for RGB. `linear_light` is the light, 0..1, of equally spaced levels.

    Colours are adapted to the white of ICC profiles by the Bradford method, as ICC recommends.
    """
    levels = [round(65_535 * light) for light in linear_light]
    curve = b"curv\0\0\0\0" + pack(f">I{len(levels)}H", len(levels), *levels)
    tags = {b"wtpt": _xyz_tag(_D50)}
    for name, colorant in zip((b"r", b"g", b"b"), _adapted_colorants(primaries), strict=True):
        tags |= {name + b"XYZ": _xyz_tag(colorant), name + b"TRC": curve}
    return _assemble_profile(tags)


def _adapted_colorants(primaries: Primaries) -> list[Vector]:
    """Return the XYZ of red, green and blue at full level, for the white of ICC profiles."""
    white = _to_xyz(primaries.white)
    columns = _primary_columns(primaries)
    weights = _solve(columns, white)
    cone_white = _multiply(_BRADFORD, white)
    cone_d50 = _multiply(_BRADFORD, _D50)
    gains = [d50 / w for d50, w in zip(cone_d50, cone_white, strict=True)]
    colorants = []
    for index, weight in enumerate(weights):
        cones = _multiply(_BRADFORD, _scale((row[index] for row in columns), weight))
        adapted = _vector(cone * gain for cone, gain in zip(cones, gains, strict=True))
        colorants.append(_solve(_BRADFORD, adapted))
    return colorants


def _primary_columns(primaries: Primaries) -> Matrix:
    """Return the matrix whose columns are the XYZ of the primaries with Y = 1."""
    red, green, blue = (_to_xyz(point) for point in primaries[1:])
    return tuple(zip(red, green, blue, strict=True))  # type: ignore[return-value]


def _to_xyz(point: Chromaticity) -> Vector:
    """Return the XYZ of a chromaticity with Y = 1."""
    x, y = point
    return x / y, 1.0, (1 - x - y) / y


def _determinant(m: Matrix) -> float:
    (a, b, c), (d, e, f), (g, h, i) = m
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def _solve(m: Matrix, right: Vector) -> Vector:
    """Return v with m v = right, by Cramer's rule."""
    determinant = _determinant(m)
    solution = []
    for column in range(3):
        replaced = tuple(
            _vector(right[r] if c == column else m[r][c] for c in range(3)) for r in range(3)
        )
        solution.append(_determinant(replaced) / determinant)  # type: ignore[arg-type]
    return _vector(solution)


def _multiply(m: Matrix, v: Vector) -> Vector:
    return _vector(sum(a * b for a, b in zip(row, v, strict=True)) for row in m)


def _scale(values: Iterable[float], factor: float) -> Vector:
    return _vector(value * factor for value in values)


def _vector(values: Iterable[float]) -> Vector:
    x, y, z = values
    return x, y, z


def _xyz_tag(values: Vector) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed_point(values)


def _fixed_point(values: Vector) -> bytes:
    return pack(">3i", *(round(value * 65_536) for value in values))


def _assemble_profile(tags: dict[bytes, bytes]) -> bytes:
    """Return a display profile with these tags. Equal tags are stored once."""
    start = _HEADER_BYTES + 4 + _TAG_ENTRY_BYTES * len(tags)
    offsets: dict[bytes, int] = {}
    body, index = b"", pack(">I", len(tags))
    for name, content in tags.items():
        if content not in offsets:
            offsets[content] = start + len(body)
            body += content + b"\0" * (-len(content) % 4)
        index += name + pack(">II", offsets[content], len(content))
    head = pack(">I4sI4s4s4s", start + len(body), b"none", _VERSION_4, b"mntr", b"RGB ", b"XYZ ")
    date = pack(">6H", 2000, 1, 1, 0, 0, 0)
    header = (head + date + b"acsp" + bytes(28) + _fixed_point(_D50)).ljust(_HEADER_BYTES, b"\0")
    return header + index + body
