"""Check that a response contains an image."""

import base64
import io
import json

from PIL import Image


def is_edit_response(status: int, body: bytes) -> bool:
    """Return whether the response succeeded and names an image. This quick check runs on every response."""
    return status == 200 and (b'"b64_json"' in body or b'"url"' in body)


def describe_response(body: bytes) -> str:
    """Decode the image of a response and return its description, or "URL". Raises ValueError when there is none."""
    item = json.loads(body)["data"][0]
    if item.get("b64_json"):
        return _describe_image(base64.b64decode(item["b64_json"], validate=True))
    if str(item.get("url", "")).startswith("http"):
        return "URL"
    raise ValueError("The response has neither b64_json nor url.")


def _describe_image(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return f"{image.format} {image.width}x{image.height}"
