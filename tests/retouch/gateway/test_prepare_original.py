"""Tests that the original of a masked edit is decoded once and checked once, and that its pixels stay exact."""

import base64

import pytest
from PIL import Image, ImageChops

from retouch.imaging import codec, inspect
from retouch.imaging.formats.structure import check_structure
from tests.retouch.imaging.samples import exif_with_orientation
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, box_mask, decode_image, encode_image, photo, scene
from tests.support.upstream import Upstream, json_response

WIDTH, HEIGHT = 100, 80
MARKED = (30, 20, 70, 50)
COMMENT = {"exif": exif_with_orientation(1)}
TURNED = {"exif": exif_with_orientation(8)}
ORIGINALS = {
    "PNG": photo(WIDTH, HEIGHT),
    "PNG with metadata": encode_image(scene(WIDTH, HEIGHT), **COMMENT),
    "PNG to be turned": encode_image(scene(HEIGHT, WIDTH), **TURNED),
    "JPEG with metadata": encode_image(scene(WIDTH, HEIGHT), "JPEG", **COMMENT),
    "JPEG to be turned": encode_image(scene(HEIGHT, WIDTH), "JPEG", **TURNED),
    "WebP": photo(WIDTH, HEIGHT, "WEBP"),
}


def send_masked_edit(original, n=1, **fields):
    """Return the images of an edit by a provider that repaints everything."""
    paint = encode_image(Image.new("RGB", (WIDTH, HEIGHT), (255, 0, 255)))
    answer = json_response({"created": 1, "data": [{"b64_json": b64(paint)}] * n})
    files = {"image": file_part(original), "mask": file_part(box_mask(WIDTH, HEIGHT, MARKED))}
    with Upstream(answer) as upstream:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url}
        values = {"model": "gpt-image-2", "prompt": "p", "n": str(n)}
        response = post_edit({**values, **files, **fields}, env)
    assert response.status == 200, response.json
    return [decode_image(base64.b64decode(item["b64_json"])) for item in response.json["data"]]


def unmarked_difference(result, original):
    """Return the box of the pixels that differ outside the mask, or None."""
    difference = ImageChops.difference(result.convert("RGB"), original.convert("RGB"))
    difference.paste((0, 0, 0), MARKED)
    return difference.getbbox()


@pytest.fixture
def decoded_files(monkeypatch):
    """Record the bytes of every file that is decoded."""
    files = []
    decode_as_stored = codec._load_as_stored

    def record(data, *arguments):
        files.append(data)
        return decode_as_stored(data, *arguments)

    monkeypatch.setattr(codec, "_load_as_stored", record)
    return files


@pytest.mark.parametrize("output_format", ["png", "webp"])
@pytest.mark.parametrize("kind", ORIGINALS)
def test_original_is_decoded_once_and_stays_exact_for_every_image(
    decoded_files, kind, output_format
):
    original = ORIGINALS[kind]
    expected = codec.decode(original)
    decoded_files.clear()
    results = send_masked_edit(original, n=3, output_format=output_format)
    assert decoded_files.count(original) == 1
    assert [unmarked_difference(result, expected) for result in results] == [None] * 3
    assert all(result.tobytes() == results[0].tobytes() for result in results)


def test_large_original_is_decoded_again_after_the_call(decoded_files, monkeypatch):
    monkeypatch.setattr("retouch.gateway.prepare._MAX_KEPT_PIXELS", WIDTH * HEIGHT - 1)
    original = ORIGINALS["PNG"]
    (result,) = send_masked_edit(original)
    assert decoded_files.count(original) == 2
    assert unmarked_difference(result, scene(WIDTH, HEIGHT)) is None


@pytest.mark.parametrize("kind", ["PNG with metadata", "JPEG with metadata"])
def test_structure_of_each_file_is_checked_once(monkeypatch, kind):
    checked_files = []

    def record(data, *arguments):
        checked_files.append(data)
        return check_structure(data, *arguments)

    monkeypatch.setattr(inspect, "check_structure", record)
    send_masked_edit(ORIGINALS[kind])
    assert len(checked_files) == len(set(checked_files)) == 3  # the image, the mask, the result
