"""Tests of the colour chunks of PNG files: their order, and that pixels keep their displayed colours."""

import zlib

import pytest
from PIL import Image

from retouch.imaging import colour
from retouch.imaging.codec import decode
from retouch.imaging.colour import decode_srgb, normalize_image
from retouch.imaging.colour_space import encode_srgb_level
from retouch.imaging.formats import png
from retouch.imaging.inspect import inspect_image
from tests.cases.images.build import IEND_CHUNK, SIGNATURE, chunk, header
from tests.retouch.imaging import icc_profiles
from tests.retouch.imaging.samples import sample_in_mode
from tests.support.images import channel_values, encode_image

PIXEL = (200, 100, 50)


def srgb_chunk(intent=0):
    return chunk(b"sRGB", bytes((intent,)))


def gamma_chunk(value):
    return chunk(b"gAMA", value.to_bytes(4))


def chromaticities_chunk(*values):
    return chunk(b"cHRM", b"".join(value.to_bytes(4) for value in values))


def coding_points_chunk(*values):
    return chunk(b"cICP", bytes(values))


def profile_chunk(data):
    return chunk(b"iCCP", b"profile\0\0" + zlib.compress(data))


LINEAR = gamma_chunk(100_000)
P3_POINTS = coding_points_chunk(12, 13, 0, 1)
SWAPPED = profile_chunk(icc_profiles.red_blue_swapped_profile())
ADOBE = chromaticities_chunk(31_270, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000)
SRGB_PRIMARIES = chromaticities_chunk(31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
# The expected values are computed with the published matrices from P3 and Adobe RGB to sRGB.
AS_STORED, AS_LINEAR, AS_P3, AS_SWAPPED = PIXEL, (229, 168, 122), (215, 93, 31), (50, 100, 200)
AS_ADOBE = (227, 100, 41)

CASES = {
    "none": (b"", AS_STORED),
    "sRGB": (srgb_chunk(), AS_STORED),
    "gAMA of sRGB": (gamma_chunk(45_455), AS_STORED),
    "gAMA and cHRM of sRGB": (gamma_chunk(45_455) + SRGB_PRIMARIES, AS_STORED),
    "gAMA": (LINEAR, AS_LINEAR),
    "gAMA with a cHRM of sRGB": (LINEAR + SRGB_PRIMARIES, AS_LINEAR),
    "gAMA and cHRM of Adobe RGB": (gamma_chunk(45_470) + ADOBE, AS_ADOBE),
    "cHRM alone": (ADOBE, AS_STORED),
    "sRGB before gAMA": (srgb_chunk() + LINEAR + ADOBE, AS_STORED),
    "gAMA before sRGB in the file": (LINEAR + srgb_chunk(), AS_STORED),
    "sRGB with an unknown intent": (srgb_chunk(9) + LINEAR, AS_LINEAR),
    "iCCP before sRGB and gAMA": (srgb_chunk() + LINEAR + SWAPPED, AS_SWAPPED),
    "iCCP of sRGB before gAMA": (
        profile_chunk(icc_profiles.rgb_profile(icc_profiles.SRGB)) + LINEAR,
        AS_STORED,
    ),
    "broken iCCP": (profile_chunk(b"profile!" * 30) + LINEAR, AS_LINEAR),
    "iCCP for grey": (profile_chunk(icc_profiles.grey_profile(1.0)) + LINEAR, AS_LINEAR),
    "iCCP for CMYK": (profile_chunk(icc_profiles.cmyk_profile()) + srgb_chunk(), AS_STORED),
    "iCCP that is no zlib stream": (chunk(b"iCCP", b"name\0\0junk") + LINEAR, AS_LINEAR),
    "cICP before iCCP": (P3_POINTS + SWAPPED + srgb_chunk(), AS_P3),
    "cICP of sRGB before gAMA": (coding_points_chunk(1, 13, 0, 1) + LINEAR, AS_STORED),
    "cICP of linear sRGB": (coding_points_chunk(1, 8, 0, 1), AS_LINEAR),
    "cICP with a matrix": (coding_points_chunk(12, 13, 1, 1) + LINEAR, AS_LINEAR),
    "cICP with unspecified primaries": (coding_points_chunk(2, 13, 0, 1) + SWAPPED, AS_SWAPPED),
    "cICP with an unknown range": (coding_points_chunk(12, 13, 0, 2), AS_STORED),
    "chunks of a wrong length": (
        chunk(b"gAMA", b"\0\1\x86\xa0\0") + chunk(b"cICP", b"\x0c\x0d\0"),
        AS_STORED,
    ),
    "two gAMA chunks": (LINEAR + gamma_chunk(45_455), AS_LINEAR),
}


def with_chunks(data, middle):
    """Return a PNG with chunks after its header."""
    return data[:33] + middle + data[33:]


def image_with_chunks(middle, mode="RGB", fill=PIXEL):
    return with_chunks(encode_image(Image.new(mode, (8, 8), fill)), middle)


def is_near(actual, expected, tolerance=1):
    return all(abs(a - b) <= tolerance for a, b in zip(actual, expected, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_decoded_pixels_have_the_displayed_colour(name):
    middle, expected = CASES[name]
    data = image_with_chunks(middle)
    image = decode_srgb(data)
    assert is_near(channel_values(image, (4, 4)), expected)
    assert image.info == {}


@pytest.mark.parametrize("name", CASES)
def test_provider_gets_the_displayed_colour_without_colour_chunks(name):
    middle, expected = CASES[name]
    result = normalize_image(inspect_image(image_with_chunks(middle)))
    assert is_near(channel_values(decode(result), (4, 4)), expected)
    kinds = {c.kind for c in png.iter_chunks(memoryview(result.data))}
    assert kinds <= {b"IHDR", b"IDAT", b"IEND", b"sRGB"}
    assert normalize_image(result) is result


def test_colour_chunks_after_the_palette_are_ignored():
    """The PNG specification puts them before PLTE; libpng ignores others."""
    data = encode_image(sample_in_mode("P"))
    palette_end = data.index(b"PLTE") + 4 + int.from_bytes(data[33:37]) + 4
    late = data[:palette_end] + LINEAR + data[palette_end:]
    assert decode_srgb(late).tobytes() == decode(data).tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_gamma_is_applied_to_every_mode_and_not_to_alpha(mode):
    data = encode_image(sample_in_mode(mode))
    stored = decode(data)
    result = decode_srgb(with_chunks(data, LINEAR))
    levels = [round(255 * encode_srgb_level(v / 255)) for v in range(256)]
    table = levels * (1 if stored.mode == "L" else 3)
    table += list(range(256)) if stored.mode == "RGBA" else []
    assert result.mode == stored.mode
    assert result.tobytes() == stored.point(table).tobytes()


def test_palette_with_transparency_keeps_alpha_and_hidden_colours():
    image = Image.new("P", (4, 1))
    image.putpalette([200, 100, 50, 0, 0, 255])
    image.putpixel((1, 0), 1)
    data = encode_image(image, transparency=b"\0\x80")
    result = decode_srgb(with_chunks(data, LINEAR))
    assert result.getpixel((0, 0)) == (229, 168, 122, 0)
    assert result.getpixel((1, 0)) == (0, 0, 255, 128)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_primaries_have_no_effect_on_grey(mode):
    data = encode_image(sample_in_mode(mode))
    result = decode_srgb(with_chunks(data, P3_POINTS))
    assert result.tobytes() == decode(data).tobytes()


@pytest.mark.parametrize(
    "profile", [icc_profiles.grey_profile(1.0), icc_profiles.grey_profile(2.2)]
)
def test_profile_for_grey_is_applied_to_16_bits_with_alpha(profile):
    lines = zlib.compress((b"\0" + b"\x80\x80\xff\xff" * 4) * 4)
    deep = SIGNATURE + header(4, 4, 16, 4) + profile_chunk(profile)
    deep += chunk(b"IDAT", lines) + IEND_CHUNK
    shallow = with_chunks(encode_image(Image.new("LA", (4, 4), (128, 255))), profile_chunk(profile))
    assert decode_srgb(deep).tobytes() == decode_srgb(shallow).tobytes()


def test_image_without_colour_chunks_is_not_converted(monkeypatch):
    def refuse(*_):
        raise AssertionError("an ordinary image was converted")

    monkeypatch.setattr(colour, "_apply_profile", refuse)
    monkeypatch.setattr(colour, "_map_levels", refuse)
    for middle in (b"", srgb_chunk(), gamma_chunk(45_455) + SRGB_PRIMARIES):
        data = image_with_chunks(middle)
        assert decode_srgb(data).getpixel((0, 0)) == PIXEL
        normalize_image(inspect_image(data))
