"""Is there really a picture in the answer?"""

import base64
import io
import json

from PIL import Image


def looks_served(status: int, body: bytes) -> bool:
    """The quick look every answer gets: it succeeded and names a picture."""
    return status == 200 and (b'"b64_json"' in body or b'"url"' in body)


def inspect(body: bytes) -> str:
    """The thorough look: decodes the picture and says what it is, or raises ValueError."""
    item = json.loads(body)["data"][0]
    if item.get("b64_json"):
        return _describe(base64.b64decode(item["b64_json"], validate=True))
    if str(item.get("url", "")).startswith("http"):
        return "URL"
    raise ValueError("neither b64_json nor url")


def _describe(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return f"{image.format} {image.width}x{image.height}"
