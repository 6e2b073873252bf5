"""Edits with a mask, by a provider that repaints everything."""

import base64

from PIL import Image, ImageChops

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
