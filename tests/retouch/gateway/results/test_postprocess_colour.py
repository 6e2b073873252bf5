"""Tests of the colours of results: restored original pixels, and a provider's image with colour information."""

import base64
import json

import pytest
from PIL import Image

from retouch.imaging.colour_space import encode_srgb_level
from tests.cases.images.build import chunk
from tests.retouch.imaging import icc_profiles
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import channel_values, decode_image, encode_image, photo
from tests.support.upstream import Upstream, json_response

BOX = {"shapes": [{"type": "box", "x": 30, "y": 20, "width": 40, "height": 30}]}
INSIDE, OUTSIDE = (50, 35), (5, 5)
COLOUR = (200, 100, 50)
AS_LINEAR = tuple(round(255 * encode_srgb_level(v / 255)) for v in COLOUR)  # gAMA 100000
AS_P3 = (215, 93, 31)  # computed with the published matrix from P3 to sRGB
LINEAR_CHUNK = chunk(b"gAMA", (100_000).to_bytes(4))


def plain_file(middle=b"", **options):
    data = encode_image(Image.new("RGB", (100, 80), COLOUR), **options)
    return data[:33] + middle + data[33:]


LINEAR_FILE = plain_file(LINEAR_CHUNK)
P3_FILE = plain_file(icc_profile=icc_profiles.rgb_profile(icc_profiles.P3))


def edit(original, provider_file, **fields):
    """Return the bytes of the result and the provider calls."""
    body = {"created": 1, "data": [{"b64_json": base64.b64encode(provider_file).decode()}]}
    with Upstream(json_response(body)) as upstream:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url}
        parts = {"model": "gpt-image-2", "prompt": "p", "image": file_part(original), **fields}
        response = post_edit(parts, env)
    assert response.status == 200, response.json
    return base64.b64decode(response.json["data"][0]["b64_json"]), upstream.calls


@pytest.mark.parametrize(
    ("original", "expected"), [(LINEAR_FILE, AS_LINEAR), (P3_FILE, AS_P3), (plain_file(), COLOUR)]
)
def test_restored_pixels_have_the_displayed_colour_of_the_original(original, expected):
    result, calls = edit(original, photo(100, 80), mask=json.dumps(BOX))
    pixel = channel_values(decode_image(result), OUTSIDE)
    assert max(abs(a - b) for a, b in zip(pixel, expected, strict=True)) <= 1
    assert b"gAMA" not in result
    (sent,) = [data for name, _, _, data in calls[0].parts if name.startswith("image")]
    assert channel_values(decode_image(sent), OUTSIDE) == pixel


@pytest.mark.parametrize(
    ("provider_file", "expected"), [(LINEAR_FILE, AS_LINEAR), (P3_FILE, AS_P3)]
)
def test_composited_result_of_provider_is_converted_to_srgb(provider_file, expected):
    result, _ = edit(photo(100, 80), provider_file, mask=json.dumps(BOX))
    image = decode_image(result)
    pixel = channel_values(image, INSIDE)
    assert max(abs(a - b) for a, b in zip(pixel, expected, strict=True)) <= 1
    assert "icc_profile" not in image.info
    assert "gamma" not in image.info


@pytest.mark.parametrize("provider_file", [LINEAR_FILE, P3_FILE])
def test_unprocessed_result_of_provider_keeps_its_colour_information(provider_file):
    result, _ = edit(photo(100, 80), provider_file)
    assert result == provider_file
