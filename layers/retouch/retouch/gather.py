"""Form -> Material: fetch the pictures that were only named. The one room that reads the bucket."""

from __future__ import annotations

from typing import Protocol

from retouch.errors import InvalidRequest
from retouch.messages import Form, Image, Material, Reference


class Shelf(Protocol):
    """Where named pictures lie."""

    def upload(self, upload_id: str) -> bytes | None:
        """A finished upload's bytes; None when there is none."""

    def object(self, name: str) -> bytes | None:
        """The object at "bucket/key", of the stack's own bucket only; None when there is none."""


def gather(form: Form, shelf: Shelf) -> Material:
    """All pictures as bytes. InvalidRequest for a name that leads nowhere."""
    images = tuple(_bytes(image, shelf) for image in form.images)
    mask = None if form.mask is None else _bytes(form.mask, shelf)
    return Material(form.values, images, mask)


def _bytes(image: Image, shelf: Shelf) -> bytes:
    if isinstance(image, bytes):
        return image
    data = shelf.upload(image.name) if image.kind == "upload" else shelf.object(image.name)
    if data is None:
        raise _missing(image)
    return data


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
