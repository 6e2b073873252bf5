"""Tests of colour spaces that are described by numbers, against values computed here with the published formulas."""

import io

import pytest
from PIL import Image, ImageCms

from retouch.imaging.colour_space import (
    ColourSpace,
    PowerFunction,
    colour_space_from_coding_points,
    colour_space_from_gamma,
    decode_srgb_level,
    encode_srgb_level,
    level_table,
    to_icc_profile,
)
from retouch.imaging.icc_matrix_profile import SRGB_PRIMARIES, Primaries, is_valid_primaries

D65 = (0.3127, 0.3290)
# Linear RGB to linear sRGB, for a white of D65: published matrices (CSS Color 4, section 18).
TO_SRGB = {
    12: ((1.22494, -0.22494, 0), (-0.04206, 1.04206, 0), (-0.01964, -0.07864, 1.09828)),
    9: (
        (1.66049, -0.58764, -0.07285),
        (-0.12455, 1.13290, -0.00835),
        (-0.01815, -0.10058, 1.11873),
    ),
}
ADOBE_CHRM = (31_270, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000)
SRGB_CHRM = (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
COLOURS = (
    (255, 255, 255),
    (128, 128, 128),
    (200, 100, 50),
    (40, 90, 200),
    (10, 10, 10),
    (90, 200, 90),
)


def srgb_from(space, colour):
    """Return the sRGB levels of a colour by the ICC profile of the space."""
    image = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), colour),
        io.BytesIO(to_icc_profile(space)),
        ImageCms.createProfile("sRGB"),
    )
    assert image is not None
    return image.getpixel((0, 0))


@pytest.mark.parametrize("number", TO_SRGB)
@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    ("transfer", "linear"), [(13, decode_srgb_level), (4, lambda v: v**2.2), (8, lambda v: v)]
)
def test_wide_gamut_profile_agrees_with_the_published_matrix(number, colour, transfer, linear):
    light = [linear(level / 255) for level in colour]
    expected = [
        round(
            255
            * encode_srgb_level(min(1, max(0, sum(a * b for a, b in zip(row, light, strict=True)))))
        )
        for row in TO_SRGB[number]
    ]
    space = colour_space_from_coding_points(number, transfer)
    assert space is not None
    actual = srgb_from(space, colour)
    assert max(abs(a - b) for a, b in zip(actual, expected, strict=True)) <= 1


@pytest.mark.parametrize("primaries", [1, 4, 5, 6, 7, 9, 11, 12, 22])
@pytest.mark.parametrize("level", [0, 60, 128, 255])
def test_grey_stays_grey_for_every_white_point(primaries, level):
    space = colour_space_from_coding_points(primaries, 13)
    assert space is not None
    assert max(abs(v - level) for v in srgb_from(space, (level,) * 3)) <= 1


@pytest.mark.parametrize(
    ("transfer", "expected"),
    [
        # 255 * encode(light), where light is the function of 128 / 255 that H.273 names
        (1, 121),  # 0.50196 ** 2.4 = 0.1912, the display of ITU-R BT.1886; encoded 0.4745
        (4, 129),  # ** 2.2 = 0.2195; encoded 0.5059
        (5, 106),  # ** 2.8 = 0.1452; encoded 0.4171
        (8, 188),  # 0.50196; encoded 0.7370
        (13, 128),
    ],
)
def test_transfer_function_maps_middle_grey_to_its_light(transfer, expected):
    space = colour_space_from_coding_points(1, transfer)
    assert space is not None
    assert level_table(space, 8)[128] == expected
    assert (level_table(space, 8)[0], level_table(space, 8)[255]) == (0, 255)


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_white_is_half_light_and_highlights_keep_their_order(transfer):
    space = colour_space_from_coding_points(1, transfer)
    assert space is not None
    levels = level_table(space, 16)
    # 203 cd/m2 is 58 % of PQ and 75 % of HLG (ITU-R BT.2408); half the light of white is level 188 of sRGB.
    white = round(65_535 * {16: 0.5807, 18: 0.7498}[transfer])
    assert abs(levels[white] - 188) <= 1
    assert list(levels) == sorted(levels)
    assert levels[-1] == 255


def test_hdr_greys_are_those_of_chromium():
    """Chromium 150 shows these 8-bit levels of PQ grey, drawn on a canvas in sRGB, as the second number."""
    space = colour_space_from_coding_points(9, 16)
    assert space is not None
    table = level_table(space.to_grey(), 8)
    observed = {64: 30, 96: 70, 120: 114, 136: 153, 160: 213, 176: 237, 192: 255}
    assert all(abs(table[level] - shown) <= 1 for level, shown in observed.items())


def test_narrow_range_has_black_at_16_and_white_at_235():
    space = colour_space_from_coding_points(1, 13, full_range=False)
    assert space is not None
    assert not space.is_srgb
    table = level_table(space, 8)
    assert [table[v] for v in (0, 16, 126, 235, 255)] == [0, 0, round(110 / 219 * 255), 255, 255]
    assert level_table(space, 16)[235 * 256] == 255


@pytest.mark.parametrize(("primaries", "transfer"), [(2, 13), (1, 2), (0, 8), (1, 19), (255, 255)])
def test_unsupported_coding_points_give_no_colour_space(primaries, transfer):
    assert colour_space_from_coding_points(primaries, transfer) is None


@pytest.mark.parametrize("gamma", [45_455, 45_454, 45_000, 43_182, 47_727])
@pytest.mark.parametrize("chromaticities", [None, SRGB_CHRM, (31_300, 32_900, *SRGB_CHRM[2:])])
def test_gamma_of_srgb_means_srgb(gamma, chromaticities):
    space = colour_space_from_gamma(gamma, chromaticities)
    assert space is not None
    assert space.is_srgb


@pytest.mark.parametrize("gamma", [43_181, 47_728, 55_556, 100_000, 16, 625_000_000])
def test_other_gamma_is_a_power_function(gamma):
    space = colour_space_from_gamma(gamma, None)
    assert space == ColourSpace(SRGB_PRIMARIES, PowerFunction(100_000 / gamma))


@pytest.mark.parametrize("gamma", [0, 15, 625_000_001, 4_294_967_295])
def test_invalid_gamma_is_ignored(gamma):
    assert colour_space_from_gamma(gamma, ADOBE_CHRM) is None


def test_gamma_of_srgb_with_other_primaries_is_a_power_function():
    space = colour_space_from_gamma(45_455, ADOBE_CHRM)
    assert space is not None
    assert space.transfer == PowerFunction(100_000 / 45_455)
    assert not space.has_srgb_primaries


@pytest.mark.parametrize(
    "chromaticities",
    [
        (0,) * 8,
        (31_270, 32_900, 64_000, 33_000, 64_000, 33_000, 64_000, 33_000),  # all primaries equal
        (31_270, 32_900, 10_000, 10_000, 20_000, 20_000, 30_000, 30_000),  # on one line
        (31_270, 32_900, 64_000, 0, 30_000, 60_000, 15_000, 6_000),  # no light
        (70_000, 20_000, *SRGB_CHRM[2:]),  # a white outside the primaries
        (4_294_967_295,) * 8,
    ],
)
def test_impossible_chromaticities_are_ignored(chromaticities):
    assert colour_space_from_gamma(100_000, chromaticities) == ColourSpace(
        SRGB_PRIMARIES, PowerFunction(1.0)
    )


def test_primaries_of_prophoto_rgb_are_valid():
    prophoto = Primaries((0.34567, 0.35850), (0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
    assert is_valid_primaries(prophoto)
    assert (
        max(abs(v - 100) for v in srgb_from(ColourSpace(prophoto, decode_srgb_level), (100,) * 3))
        <= 1
    )
