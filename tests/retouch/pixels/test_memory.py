"""Fifty megapixels, from the event to the answer, in a fresh process whose memory is counted."""

import base64
import json
import subprocess
import sys

import pytest
from PIL import Image, ImageDraw

from tests.support.pictures import encoded
from tests.support.upstream import Upstream, as_json

SIDE = 7070  # squared: just under the 50 million pixels that are accepted
MOST_MB = 600


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Originals and a mask whose box is most of the picture."""
    folder = tmp_path_factory.mktemp("large")
    image = Image.linear_gradient("L").resize((SIDE, SIDE))
    image = Image.merge("RGB", (image, image.transpose(Image.Transpose.ROTATE_90), image))
    (folder / "photo.jpg").write_bytes(encoded(image, "JPEG"))
    image.putalpha(128)
    (folder / "clear.png").write_bytes(encoded(image, "PNG", compress_level=1))
    mask = Image.new("RGBA", (SIDE, SIDE), "black")
    ImageDraw.Draw(mask).polygon([(300, 300), (1500, 400), (6700, 6700)], fill=(0, 0, 0, 0))
    (folder / "mask.png").write_bytes(encoded(mask, "PNG", compress_level=1))
    return folder


@pytest.mark.parametrize(
    ("image", "fields"),
    [
        ("photo.jpg", {"model": "openai/gpt-image-2"}),
        ("clear.png", {"model": "openai/gpt-image-2"}),
        ("photo.jpg", {"model": "local/erase", "quality": "low"}),
    ],
)
def test_a_large_edit_fits_into_six_hundred_megabytes(folder, image, fields):
    answer = base64.b64encode(encoded(Image.new("RGB", (1024, 1024), "red"))).decode()
    files = {"image": str(folder / image), "mask": str(folder / "mask.png")}
    with Upstream(as_json({"created": 1, "data": [{"b64_json": answer}]})) as upstream:
        order = {**fields, **files, "upstream": upstream.url, "output_format": "jpeg"}
        command = [sys.executable, "-m", "tests.support.appetite", json.dumps(order)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["status"] == 200, done.stdout
    assert found["peak_mb"] < MOST_MB
