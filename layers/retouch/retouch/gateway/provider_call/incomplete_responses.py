"""Responses whose body ended early, or whose compressed data is damaged at its end.

Some servers state a wrong length, or close the connection without the last chunk. Then the body has everything, and
only its end is not confirmed. A response that may be paid for is not thrown away for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from retouch.core.edit_types import GeneratedImage
from retouch.core.errors import DamagedResponse
from retouch.core.image_formats import detect_format
from retouch.core.provider_protocol import ProviderResponse
from retouch.core.text import fast_json
from retouch.imaging.errors import InvalidImage
from retouch.imaging.formats.structure import check_structure
from retouch.imaging.limits import RESULT_LIMITS

_FORMATS_WITH_CHECKSUMS = ("png",)


def accept_whole_body(response: ProviderResponse, *, is_free: bool) -> ProviderResponse:
    """Return the response, without its `failure` if the body is whole: valid JSON, or an undamaged image file.

    A body of damaged data keeps it, because valid JSON and most image files may have wrong bytes. Raises the failure of
    a response that keeps it to a request that is free, because such a request can be sent again.
    """
    if response.failure is None:
        return response
    is_damaged = isinstance(response.failure, DamagedResponse)
    if not is_damaged and (_is_json(response.body) or _is_whole_image(response.body)):
        return replace(response, failure=None)
    if is_free:
        raise response.failure
    return response


def whole_images(
    images: Sequence[GeneratedImage], response: ProviderResponse | None, n: int
) -> Iterator[GeneratedImage]:
    """Yield the images of a response. Of one with a `failure`, these are only the undamaged ones.

    Raises the failure at the end when they are fewer than `n`.
    """
    if response is None or response.failure is None:
        yield from images
        return
    is_damaged = isinstance(response.failure, DamagedResponse)
    whole = [image for image in images if _is_whole(image, has_checksums=is_damaged)]
    yield from whole
    if len(whole) < n:
        raise response.failure


def _is_whole(image: GeneratedImage, *, has_checksums: bool) -> bool:
    """Return whether an image is undamaged. With `has_checksums`, its own checksums must say so."""
    try:
        data = image.to_bytes()
    except ValueError:
        return False
    is_allowed = not has_checksums or detect_format(data) in _FORMATS_WITH_CHECKSUMS
    return is_allowed and _is_whole_image(data)


def _is_json(body: bytes) -> bool:
    try:
        return isinstance(fast_json.loads(body), dict | list)
    except ValueError:
        return False


def _is_whole_image(data: bytes) -> bool:
    image_format = detect_format(data)
    if image_format is None:
        return False
    try:
        check_structure(data, image_format, RESULT_LIMITS)
    except InvalidImage:
        return False
    return True
