"""Form -> Material: fetch the pictures that were only named. The one room that reads the bucket and the web."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from retouch.errors import InvalidRequest
from retouch.guard.refusals import FetchError
from retouch.messages import Form, Image, Material, Reference, Shapes

_AT_ONCE = 4  # web addresses fetched side by side


class Shelf(Protocol):
    """Where named pictures lie."""

    def upload(self, upload_id: str) -> bytes | None:
        """A finished upload's bytes; None when there is none."""

    def object(self, name: str) -> bytes | None:
        """The object at "bucket/key", of the stack's own bucket only; None when there is none."""


Web = Callable[[str], bytes]  # raises FetchError


def gather(form: Form, shelf: Shelf, web: Web) -> Material:
    """All pictures as bytes. InvalidRequest for a name that leads nowhere."""

    def found(image: Image) -> bytes:
        return image if isinstance(image, bytes) else _named(image, shelf, web)

    mask = form.mask
    named = [*form.images] if mask is None or isinstance(mask, Shapes) else [*form.images, mask]
    if sum(isinstance(image, Reference) and image.kind == "web" for image in named) > 1:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            files = list(pool.map(found, named))
    else:
        files = [found(image) for image in named]
    images = tuple(files[: len(form.images)])
    drawn = mask if isinstance(mask, Shapes) else next(iter(files[len(images) :]), None)
    return Material(form.values, images, drawn)


def _named(image: Reference, shelf: Shelf, web: Web) -> bytes:
    if image.kind == "web":
        return _fetched(image, web)
    data = shelf.upload(image.name) if image.kind == "upload" else shelf.object(image.name)
    if data is None:
        raise _missing(image)
    return data


def _fetched(image: Reference, web: Web) -> bytes:
    try:
        return web(image.name)
    except FetchError as refused:
        fault = InvalidRequest(f"'{image.field}': {refused}", param=image.field, code=refused.code)
        fault.retryable = refused.retryable
        raise fault from None


def _missing(reference: Reference) -> InvalidRequest:
    if reference.kind == "upload":
        return InvalidRequest(
            f"'{reference.field}' names an upload that is not there: it was never finished or has expired. "
            "Ask POST /v1/uploads for a new one.",
            param=reference.field,
            code="upload_not_found",
        )
    return InvalidRequest(
        f"'{reference.field}' names an object that is not in this stack's bucket.",
        param=reference.field,
        code="object_not_found",
    )
