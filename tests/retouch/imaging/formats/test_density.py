"""Tests of the pixel density of files: read it, write it, and keep it in the result of an edit."""

import base64
from io import BytesIO

import pytest
from PIL import Image

from retouch.imaging.codec import encode
from retouch.imaging.formats.density import PixelDensity, read_density, write_density
from retouch.imaging.inspect import inspect_image
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import box_mask, encode_image, scene
from tests.support.upstream import Upstream, json_response

SIZE = (96, 64)
DENSITY_300 = PixelDensity(11811, 11811)


def stored(format, dpi=(300, 300), **options):
    return encode_image(scene(*SIZE), format, dpi=dpi, **options)


def dpi(data):
    with Image.open(BytesIO(data)) as image:
        return tuple(round(value) for value in image.info.get("dpi", ()))


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_density_of_a_file_is_read(format):
    assert read_density(stored(format), format.lower()) == DENSITY_300


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_file_without_density_has_none(format):
    assert read_density(encode_image(scene(*SIZE), format), format.lower()) is None


@pytest.mark.parametrize("format", ["png", "jpeg"])
def test_written_density_is_read_by_pillow_and_changes_no_pixel(format):
    plain = encode(scene(*SIZE), format)
    written = write_density(plain, format, PixelDensity(11811, 5906))
    assert dpi(written) == (300, 150)
    assert Image.open(BytesIO(written)).tobytes() == Image.open(BytesIO(plain)).tobytes()
    assert inspect_image(written).size == SIZE


@pytest.mark.parametrize("per_metre", [1, 2**31])
def test_density_that_jfif_cannot_state_is_left_out(per_metre):
    plain = encode(scene(*SIZE), "jpeg")
    assert write_density(plain, "jpeg", PixelDensity(per_metre, per_metre)) == plain


def test_webp_has_no_density():
    plain = encode(scene(*SIZE), "webp")
    assert write_density(plain, "webp", DENSITY_300) == plain


def edit(image, **fields):
    """Return the bytes of the result. The provider returns a picture of 72 dpi."""
    paint = encode_image(Image.new("RGB", SIZE, (255, 0, 255)), "PNG", dpi=(72, 72))
    body = {"created": 1, "data": [{"b64_json": base64.b64encode(paint).decode()}]}
    form = {"prompt": "p", "image": file_part(image), "mask": file_part(box_mask(*SIZE)), **fields}
    with Upstream(json_response(body)) as upstream:
        response = post_edit(form, {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url})
    assert response.status == 200, response.json
    return base64.b64decode(response.json["data"][0]["b64_json"])


@pytest.mark.parametrize("model", ["gpt-image-2", "local/erase"])
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("output_format", ["png", "jpeg"])
def test_result_of_a_masked_edit_has_the_density_of_the_image(model, format, output_format):
    data = edit(stored(format, (300, 200)), model=model, output_format=output_format)
    assert dpi(data) == (300, 200)


def test_density_is_turned_with_the_image():
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode_image(scene(64, 96), "JPEG", dpi=(300, 150), exif=exif)
    assert dpi(edit(turned, model="local/erase")) == (150, 300)


def test_result_of_another_size_has_no_density_of_the_image():
    data = edit(stored("PNG"), model="local/erase", size="48x32")
    assert dpi(data) == ()


def test_image_without_density_leaves_the_result_without_one():
    assert dpi(edit(encode_image(scene(*SIZE)), model="gpt-image-2")) == ()
