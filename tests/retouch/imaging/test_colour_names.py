"""Tests of the names of colour spaces, and of the note that names those that are converted."""

import struct
import zlib
from dataclasses import replace

import pytest

from retouch.core.capabilities import ModelCapabilities
from retouch.imaging.colour_facts import inspect_input_image
from retouch.imaging.colour_names import find_colour_name
from retouch.imaging.formats.png import SIGNATURE
from retouch.planning.input_rules import fit_images
from tests.retouch.imaging.heif_files import with_colour_codes
from tests.retouch.imaging.icc_profiles import P3, SRGB, rgb_profile
from tests.support.edit_requests import PLAIN_REQUEST
from tests.support.images import encode_image, scene

DISPLAY_P3_CODES = (12, 13, 0)


def notes_on(data):
    request = replace(PLAIN_REQUEST, images=(inspect_input_image(data),))
    return fit_images(ModelCapabilities(id="m"), request, None)[1]


def png_with_cicp(*codes):
    data = encode_image(scene())
    body = b"cICP" + bytes((*codes, 1))
    chunk = struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body))
    head = len(SIGNATURE) + 25
    return data[:head] + chunk + data[head:]


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB (1998)"])
def test_note_names_the_colour_profile_that_is_converted(format, name):
    data = encode_image(scene(), format, icc_profile=rgb_profile(P3, name))
    assert f"image: its colours ({name}) were converted to sRGB" in notes_on(data)


def test_note_names_the_coding_points_of_a_png():
    data = png_with_cicp(*DISPLAY_P3_CODES)
    assert notes_on(data) == ("image: its colours (Display P3) were converted to sRGB",)


@pytest.mark.parametrize("format", ["heic", "avif"])
def test_note_names_the_code_points_of_heic_and_avif(format):
    notes = notes_on(with_colour_codes(format, 12, 13, 6))
    assert "image: its colours (Display P3) were converted to sRGB" in notes


@pytest.mark.parametrize("name", ["", "x" * 41, "Fl\u00e4che"])
def test_profile_without_a_plain_name_is_noted_without_a_name(name):
    data = encode_image(scene(), "PNG", icc_profile=rgb_profile(P3, name))
    assert find_colour_name(data, "png") == ""
    assert notes_on(data) == ("image: its colours were converted to sRGB",)


@pytest.mark.parametrize("options", [{}, {"icc_profile": rgb_profile(SRGB, "sRGB")}])
def test_srgb_image_has_no_note_on_its_colours(options):
    assert notes_on(encode_image(scene(), "PNG", **options)) == ()
    assert notes_on(encode_image(scene(), "JPEG", **options)) == ()


def test_broken_profile_has_no_name_and_no_note():
    data = encode_image(scene(), "PNG", icc_profile=b"broken")
    assert find_colour_name(data, "png") == ""
    assert notes_on(data) == ()
