"""Tests of the files that a provider gets: their format, and the notes on what was converted."""

import struct
from dataclasses import replace

import pytest
from PIL import BmpImagePlugin as BmpImagePlugin
from PIL import Image, JpegImagePlugin
from PIL import TiffImagePlugin as TiffImagePlugin

from retouch.core.capabilities import ModelCapabilities
from retouch.gateway.prepare import file_to_send
from retouch.imaging.colour_facts import inspect_input_image
from retouch.imaging.formats.tiff_directory import Tag
from retouch.planning.input_rules import fit_images
from retouch.providers import local
from tests.retouch.imaging.tiff_files import SHORT, grey_tags, tiff_file
from tests.support.edit_requests import PLAIN_REQUEST
from tests.support.images import decode_image, encode_image, scene

SIZE = (64, 48)
PNG_BYTES = 3 * 64 * 48  # of noise
MODEL = ModelCapabilities(id="m")
LOCAL_MODEL = local.PROVIDER.models[0]


def fit(data, model=MODEL):
    request = replace(PLAIN_REQUEST, images=(inspect_input_image(data),))
    (image,), notes = fit_images(model, request, None)
    return image, notes


@pytest.mark.parametrize("format", ["TIFF", "BMP"])
@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"max_image_bytes": PNG_BYTES + 1}, "png"),
        ({"max_image_bytes": PNG_BYTES}, "jpeg"),
        ({"max_request_bytes": PNG_BYTES}, "jpeg"),
        ({"max_image_bytes": PNG_BYTES, "upstream_formats": ("png",)}, "png"),
    ],
)
def test_opaque_image_becomes_jpeg_where_its_png_might_be_too_large(format, limits, expected):
    image, notes = fit(encode_image(scene(*SIZE), format), replace(MODEL, **limits))
    assert image.conversion.format == expected
    assert notes == (f"image: {format.lower()} was converted to {expected}",)


def test_transparent_image_stays_png_above_the_limit():
    data = encode_image(scene(*SIZE).convert("RGBA"), "TIFF")
    image, _ = fit(data, replace(MODEL, max_image_bytes=PNG_BYTES))
    assert image.conversion.format == "png"


def test_jpeg_of_a_converted_image_has_colours_of_full_resolution():
    image, _ = fit(encode_image(scene(*SIZE), "TIFF"), replace(MODEL, max_request_bytes=PNG_BYTES))
    sent = decode_image(file_to_send(image).data)
    assert JpegImagePlugin.get_sampling(sent) == 0  # 4:4:4


def test_16_bits_of_a_tiff_are_named_when_they_are_lost():
    tags = grey_tags(2, 2)
    tags |= {Tag.BITS_PER_SAMPLE: (SHORT, (16, 16, 16)), Tag.PHOTOMETRIC: (SHORT, (2,))}
    tags |= {Tag.SAMPLES_PER_PIXEL: (SHORT, (3,))}
    data = tiff_file(tags, struct.pack("<3H", 65_535, 32_768, 255) * 4)
    _, notes = fit(data)
    assert "image: the 16 bits a channel of the tiff were converted to 8" in notes


@pytest.mark.parametrize("model", [MODEL, LOCAL_MODEL])
def test_cmyk_and_16_bits_are_named_for_every_model(model):
    cmyk = encode_image(scene(*SIZE).convert("CMYK"), "JPEG")
    deep = encode_image(Image.new("I;16", SIZE, 40_000), "PNG")
    assert fit(cmyk, model)[1] == ("image: the CMYK colours of the jpeg were converted to sRGB",)
    assert fit(deep, model)[1] == ("image: the 16 bits a channel of the png were converted to 8",)


def test_common_image_has_no_note():
    assert fit(encode_image(scene(*SIZE), "PNG"))[1] == ()
