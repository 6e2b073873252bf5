"""The images of a job's result inside the job, for a caller that does not want to follow its links."""

from __future__ import annotations

from typing import Any

import pybase64

from retouch.core.errors import Gone, InvalidRequest
from retouch.gateway.results.signed_links import find_object_key
from retouch.gateway.services import Services

# A direct response of Lambda has 6 MB at most, and base64 adds a third.
_MAX_BYTES = 5_000_000


def add_images(result: dict[str, Any] | None, services: Services) -> dict[str, Any] | None:
    """Return the result with `b64_json` beside each link. Raises InvalidRequest when the images are too large."""
    if result is None:
        return None
    images = [_read_image(item["url"], services) for item in result["data"]]
    size = sum(map(len, images))
    if size > _MAX_BYTES:
        raise InvalidRequest(
            f"The images have {size} bytes, and a job holds at most {_MAX_BYTES}. Leave 'include' out, and follow the "
            "links of the result.",
            param="include",
            code="result_too_large",
        )
    data = [
        {**item, "b64_json": pybase64.b64encode_as_string(image)}
        for item, image in zip(result["data"], images, strict=True)
    ]
    return {**result, "data": data}


def _read_image(url: str, services: Services) -> bytes:
    data = services.bucket.read_result(find_object_key(url))
    if data is None:
        raise Gone(
            "An image of the result has expired. Make the edit again with a new job.",
            code="result_expired",
        )
    return data
