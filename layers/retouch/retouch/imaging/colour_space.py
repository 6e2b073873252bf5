"""RGB colour spaces that are described by numbers: primaries, a white point and a transfer function.

A PNG describes its colours by such numbers in its cICP, gAMA and cHRM chunks, and AVIF and HEIF in their nclx box.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from math import exp, log

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.imaging.icc_matrix_profile import (
    SRGB_PRIMARIES,
    Primaries,
    build_matrix_profile,
    is_valid_primaries,
)

TransferFunction = Callable[[float], float]  # encoded level 0..1 -> linear light 0..1

_HDR_WHITE = 203.0  # cd/m2; the reference white of HDR pictures (ITU-R BT.2408)
_HDR_PEAK = 1_000.0 / _HDR_WHITE  # multiple of the reference white; brighter light is cut off
_PQ_PEAK = 10_000.0  # cd/m2
_HLG_PEAK = 1_000.0  # cd/m2; the nominal peak of an HLG display, whose system gamma is 1.2
_HLG_SYSTEM_GAMMA = 1.2
# gAMA values that mean sRGB: 45455 (1/2.2), as the PNG specification says, and what libpng does not tell apart from it.
_SRGB_GAMMAS = range(43_182, 47_728)
_VALID_GAMMAS = range(16, 625_000_001)  # other values of gAMA are ignored, as in libpng
_CHROMATICITY_UNIT = 100_000
_CHROMATICITY_TOLERANCE = 0.001
_D65 = (0.3127, 0.3290)
_ILLUMINANT_C = (0.310, 0.316)


@frozen_dataclass
class PowerFunction:
    """A transfer function that raises the level to a power."""

    exponent: float

    def __call__(self, level: float) -> float:
        """Return the linear light of an encoded level."""
        return float(level**self.exponent)


def decode_srgb_level(level: float) -> float:
    """Return the linear light of a level (IEC 61966-2-1)."""
    return level / 12.92 if level <= 0.04045 else float(((level + 0.055) / 1.055) ** 2.4)


def encode_srgb_level(light: float) -> float:
    """Return the level of linear light (IEC 61966-2-1)."""
    return light * 12.92 if light <= 0.0031308 else float(1.055 * light ** (1 / 2.4) - 0.055)


def _decode_smpte_240m(level: float) -> float:
    return level / 4 if level < 0.0913 else float(((level + 0.1115) / 1.1115) ** (1 / 0.45))


def _decode_pq(level: float) -> float:
    """SMPTE ST 2084, compressed to the range of sRGB."""
    root = level ** (32 / 2523)
    light = max(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    return _compress_hdr(light ** (16384 / 2610) * _PQ_PEAK / _HDR_WHITE)


def _decode_hlg(level: float) -> float:
    """ITU-R BT.2100, compressed to the range of sRGB. The system gamma acts on each channel; that is exact for grey."""
    scene_light = (
        level**2 / 3 if level <= 0.5 else (exp((level - 0.55991073) / 0.17883277) + 0.28466892) / 12
    )
    return _compress_hdr(scene_light**_HLG_SYSTEM_GAMMA * _HLG_PEAK / _HDR_WHITE)


def _compress_hdr(light: float) -> float:
    """Return light that is relative to the reference white, 0..1, as browsers show HDR on an ordinary screen.

    Light up to the reference white is halved. Brighter light gets the upper half: the logarithm meets both ends of it,
    and its values are those of Chromium 150 to within one level.
    """
    if light <= 1:
        return light / 2
    return min(1.0, 0.5 + 0.5 * log(2 * light - 1) / log(2 * _HDR_PEAK - 1))


# ITU-T H.273, tables 2 and 3. Other numbers are reserved, unspecified or not in use for pictures. Transfer functions
# for television (1, 6, 14, 15) are those of the reference display, ITU-R BT.1886, as in browsers.
_PRIMARIES_BY_NUMBER: dict[int, Primaries] = {
    1: SRGB_PRIMARIES,
    4: Primaries(_ILLUMINANT_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: Primaries(_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: Primaries(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: Primaries(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: Primaries(_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: Primaries((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: Primaries(_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: Primaries(_D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
_TRANSFER_BY_NUMBER: dict[int, TransferFunction] = {
    **dict.fromkeys((1, 6, 14, 15), PowerFunction(2.4)),
    4: PowerFunction(2.2),
    5: PowerFunction(2.8),
    7: _decode_smpte_240m,
    8: PowerFunction(1.0),
    13: decode_srgb_level,
    16: _decode_pq,
    18: _decode_hlg,
}


@frozen_dataclass
class ColourSpace:
    """An RGB colour space. Without `full_range`, black is level 16 of 255 and white is level 235."""

    primaries: Primaries
    transfer: TransferFunction
    full_range: bool = True

    @property
    def has_srgb_primaries(self) -> bool:
        """Whether the primaries and the white point are those of sRGB, apart from rounding."""
        return self.primaries.is_near(SRGB_PRIMARIES, _CHROMATICITY_TOLERANCE)

    @property
    def is_srgb(self) -> bool:
        """Whether the colours are those of sRGB, apart from rounding."""
        has_srgb_levels = self.transfer is decode_srgb_level and self.full_range
        return has_srgb_levels and self.has_srgb_primaries

    def with_srgb_levels(self) -> ColourSpace:
        """Return the colour space for pixels whose levels `level_table` has mapped."""
        return ColourSpace(self.primaries, decode_srgb_level)

    def to_grey(self) -> ColourSpace:
        """Return the colour space for a grey image: its primaries have no meaning, and white is white."""
        return replace(self, primaries=SRGB_PRIMARIES)


@lru_cache(maxsize=4)
def level_table(space: ColourSpace, depth: int) -> bytes:
    """Return, for each level of `depth` bits, the 8-bit level that has the same light in sRGB.

    The result is for the primaries of `space`.
    """
    return bytes(round(255 * encode_srgb_level(light)) for light in _linear_light(space, depth))


@lru_cache(maxsize=4)
def to_icc_profile(space: ColourSpace) -> bytes:
    """Return an ICC profile of the colour space for 8-bit levels."""
    return build_matrix_profile(space.primaries, _linear_light(space, 8))


def _linear_light(space: ColourSpace, depth: int) -> list[float]:
    """Return the linear light of each level, 0..1."""
    top, unit = (1 << depth) - 1, 1 << (depth - 8)
    black, white = (0, top) if space.full_range else (16 * unit, 235 * unit)
    levels = (max(0.0, min(1.0, (v - black) / (white - black))) for v in range(top + 1))
    return [space.transfer(level) for level in levels]


def colour_space_from_coding_points(
    primaries: int, transfer: int, *, full_range: bool = True
) -> ColourSpace | None:
    """Return the colour space of two code points of ITU-T H.273, or None when a point is not supported.

    The picture must be RGB already. HDR (transfer 16 and 18) is compressed to the range of sRGB.
    """
    if primaries not in _PRIMARIES_BY_NUMBER or transfer not in _TRANSFER_BY_NUMBER:
        return None
    return ColourSpace(
        _PRIMARIES_BY_NUMBER[primaries], _TRANSFER_BY_NUMBER[transfer], full_range=full_range
    )


def colour_space_from_gamma(
    gamma: int, chromaticities: tuple[int, ...] | None
) -> ColourSpace | None:
    """Return the colour space of a PNG's gAMA and cHRM chunks, whose values are in units of 1/100000.

    None means that gAMA is invalid. Without a valid cHRM the primaries are those of sRGB.
    """
    if gamma not in _VALID_GAMMAS:
        return None
    primaries = _parse_chromaticities(chromaticities) if chromaticities else None
    space = ColourSpace(primaries or SRGB_PRIMARIES, PowerFunction(_CHROMATICITY_UNIT / gamma))
    if gamma in _SRGB_GAMMAS and space.has_srgb_primaries:
        return space.with_srgb_levels()
    return space


def _parse_chromaticities(values: tuple[int, ...]) -> Primaries | None:
    """Return the primaries, or None when they do not describe a colour space."""
    x_y = [value / _CHROMATICITY_UNIT for value in values]
    primaries = Primaries(*zip(x_y[::2], x_y[1::2], strict=True))
    return primaries if is_valid_primaries(primaries) else None
