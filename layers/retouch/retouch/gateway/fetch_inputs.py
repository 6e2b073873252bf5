"""Fetching of the images that a request only references. The result is ResolvedInputs.

Only this module reads input images from the bucket and the web.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol
from urllib.parse import urlsplit

from retouch.core.edit_types import (
    ImageInput,
    ImageReference,
    MaskShapes,
    ParsedForm,
    ResolvedInputs,
)
from retouch.core.errors import InvalidRequest
from retouch.core.parameters import quote_value
from retouch.core.url_policy.errors import FetchError
from retouch.gateway.authentication import Principal

_MAX_PARALLEL_FETCHES = 4  # web URLs that are fetched in parallel


class InputStore(Protocol):
    """The store of uploaded images."""

    def read_upload(self, upload_id: str) -> bytes | None:
        """Return the bytes of a completed upload, or None when there is none."""

    def read_object(self, name: str) -> bytes | None:
        """Return the object at "bucket/key", or None when there is none. Only the stack's own bucket is read."""


FetchImage = Callable[[str], bytes]  # raises FetchError


def fetch_inputs(
    form: ParsedForm, input_store: InputStore, fetch_image: FetchImage, principal: Principal
) -> ResolvedInputs:
    """Return the inputs with all images as bytes. Raises InvalidRequest when a referenced image does not exist.

    An upload of another key does not exist for the caller.
    """

    def read_image(image: ImageInput) -> bytes:
        if isinstance(image, bytes):
            return image
        if image.kind == "upload" and not principal.is_own_upload(image.name):
            raise _missing_input_error(image)
        return _read_reference(image, input_store, fetch_image)

    mask = form.mask
    sources = (
        [*form.images] if mask is None or isinstance(mask, MaskShapes) else [*form.images, mask]
    )
    if sum(isinstance(image, ImageReference) and image.kind == "web" for image in sources) > 1:
        with ThreadPoolExecutor(_MAX_PARALLEL_FETCHES) as pool:
            contents = list(pool.map(read_image, sources))
    else:
        contents = [read_image(image) for image in sources]
    images = tuple(contents[: len(form.images)])
    mask_content = (
        mask if isinstance(mask, MaskShapes) else next(iter(contents[len(images) :]), None)
    )
    return ResolvedInputs(form.values, images, mask_content)


def _read_reference(
    reference: ImageReference, input_store: InputStore, fetch_image: FetchImage
) -> bytes:
    if reference.kind == "web":
        return _fetch_web_image(reference, fetch_image)
    data = (
        input_store.read_upload(reference.name)
        if reference.kind == "upload"
        else input_store.read_object(reference.name)
    )
    if data is None:
        raise _missing_input_error(reference)
    return data


def _fetch_web_image(reference: ImageReference, fetch_image: FetchImage) -> bytes:
    try:
        return fetch_image(reference.name)
    except FetchError as error:
        raise InvalidRequest(
            f"'{reference.field}'{_host_text(reference.name)}: {error}",
            param=reference.field,
            code=error.code,
            retryable=error.retryable,
        ) from None


def _host_text(url: str) -> str:
    """Return the host of a URL in words, without its path and its query, which may be secret. Empty without a host."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return ""
    return f" (host {quote_value(host)})" if host else ""


def _missing_input_error(reference: ImageReference) -> InvalidRequest:
    if reference.kind == "upload":
        return InvalidRequest(
            f"'{reference.field}' names an upload that does not exist: it was not completed or has expired. "
            "Create a new one with POST /v1/uploads.",
            param=reference.field,
            code="upload_not_found",
            status=404,
        )
    return InvalidRequest(
        f"'{reference.field}' names an object that is not in this stack's bucket. "
        "Check its key, or send the image itself.",
        param=reference.field,
        code="object_not_found",
    )
