"""Tests of the memory of an edit of fifty megapixels, from the event to the response, in a new process."""

import base64
import json
import subprocess
import sys

import pytest
from PIL import Image, ImageDraw

from tests.support.images import encode_image
from tests.support.upstream import Upstream, json_response

SIDE = 7070  # its square is just below the limit of 50 million pixels
MAX_MB = 600


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Create large images and a mask whose bounding box covers most of the image."""
    folder = tmp_path_factory.mktemp("large")
    image = Image.linear_gradient("L").resize((SIDE, SIDE))
    image = Image.merge("RGB", (image, image.transpose(Image.Transpose.ROTATE_90), image))
    (folder / "photo.jpg").write_bytes(encode_image(image, "JPEG"))
    image.putalpha(128)
    (folder / "clear.png").write_bytes(encode_image(image, "PNG", compress_level=1))
    mask = Image.new("RGBA", (SIDE, SIDE), "black")
    ImageDraw.Draw(mask).polygon([(300, 300), (1500, 400), (6700, 6700)], fill=(0, 0, 0, 0))
    (folder / "mask.png").write_bytes(encode_image(mask, "PNG", compress_level=1))
    return folder


@pytest.mark.parametrize(
    ("image", "fields"),
    [
        ("photo.jpg", {"model": "openai/gpt-image-2"}),
        ("clear.png", {"model": "openai/gpt-image-2"}),
        ("photo.jpg", {"model": "local/erase", "quality": "low"}),
    ],
)
def test_edit_of_50_megapixels_uses_at_most_600_megabytes(folder, image, fields):
    result_b64 = base64.b64encode(encode_image(Image.new("RGB", (1024, 1024), "red"))).decode()
    files = {"image": str(folder / image), "mask": str(folder / "mask.png")}
    with Upstream(json_response({"created": 1, "data": [{"b64_json": result_b64}]})) as upstream:
        edit_request = {**fields, **files, "upstream": upstream.url, "output_format": "jpeg"}
        command = [sys.executable, "-m", "tests.support.peak_memory", json.dumps(edit_request)]
        process = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    report = json.loads(process.stdout.splitlines()[-1])
    assert report["status"] == 200, process.stdout
    assert report["peak_mb"] < MAX_MB
