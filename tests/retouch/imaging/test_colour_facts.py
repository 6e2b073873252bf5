"""Tests of the facts about colours, which are read once, when an image of a request is inspected."""

import pytest
from PIL import Image

from retouch.core.errors import InvalidRequest
from retouch.core.image_formats import COMMON_COLOURS, ColourFacts
from retouch.imaging.colour import decode_srgb
from retouch.imaging.colour_facts import inspect_input_image
from tests.retouch.imaging import icc_profiles
from tests.retouch.imaging.samples import ALL_SAMPLE_KINDS, sample_bytes, sample_in_mode
from tests.support.images import encode_image

P3 = icc_profiles.rgb_profile(icc_profiles.P3)
CMYK_KINDS = ("jpeg-cmyk", "tiff-cmyk")
DEEP_GREY = encode_image(Image.new("I;16", (8, 8), 40_000))
CODED_HEIC = encode_image(
    sample_in_mode("RGB"),
    "HEIF",
    color_primaries=12,
    transfer_characteristics=13,
    matrix_coefficients=6,
    full_range_flag=1,
)


def colours(data):
    header = inspect_input_image(data).header
    assert header is not None
    return header.colours


@pytest.mark.parametrize("kind", ALL_SAMPLE_KINDS)
def test_plain_file_has_common_colours_and_only_cmyk_has_others(kind):
    expected = ColourFacts(is_cmyk=True) if kind in CMYK_KINDS else COMMON_COLOURS
    assert colours(sample_bytes(kind)) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (DEEP_GREY, ColourFacts(has_16_bits=True)),
        (CODED_HEIC, ColourFacts(has_other_colours=True, colour_name="Display P3")),
        *(
            (
                encode_image(sample_in_mode("RGB"), format, icc_profile=P3),
                ColourFacts(has_other_colours=True),
            )
            for format in ("PNG", "JPEG", "WEBP", "TIFF", "HEIF", "AVIF")
        ),
    ],
)
def test_depth_and_colour_space_are_read_from_the_header(data, expected):
    assert colours(data) == expected


PROFILES = {
    "GRAY": icc_profiles.grey_profile(1.0),
    "RGB": P3,
    "CMYK": icc_profiles.cmyk_profile(),
}
# Kinds of files with the format that saves them -> the profiles that change their colours.
EFFECTIVE_PROFILES = {
    **{("RGB", f): {"RGB"} for f in ("PNG", "JPEG", "WEBP", "TIFF", "HEIF", "AVIF")},
    **{("L", f): {"GRAY", "RGB"} for f in ("PNG", "JPEG", "TIFF", "HEIF", "AVIF")},
    ("P", "PNG"): {"RGB"},
    ("P", "TIFF"): {"RGB"},
    ("1", "TIFF"): {"GRAY", "RGB"},
    ("RGBA", "WEBP"): {"RGB"},
}


@pytest.mark.parametrize("space", PROFILES)
@pytest.mark.parametrize(("mode", "format"), EFFECTIVE_PROFILES)
def test_profile_of_other_channels_than_the_image_has_is_no_colour_fact(mode, format, space):
    data = encode_image(sample_in_mode(mode), format, icc_profile=PROFILES[space])
    is_effective = space in EFFECTIVE_PROFILES[mode, format]
    assert colours(data).has_other_colours == is_effective
    plain = encode_image(sample_in_mode(mode), format)
    is_changed = decode_srgb(data).tobytes() != decode_srgb(plain).tobytes()
    # Primaries have no effect on grey.
    assert is_changed == (is_effective and not (mode in "L1" and space == "RGB") and mode != "1")


def test_damaged_file_is_refused_by_its_name():
    with pytest.raises(InvalidRequest) as raised:
        inspect_input_image(sample_bytes("png")[:-20], "image[2]")
    assert raised.value.param == "image[2]"
