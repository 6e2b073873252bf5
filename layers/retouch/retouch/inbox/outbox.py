"""The objects that tell the end of an edit: its images and its job in the outbox, or its failure.

Everything is written under a condition, so that the result of a newer version is never replaced by that of an older
one, whichever ends last. Writing the same end again changes nothing that anybody sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.inbox.object_names import InboxName, output_key, read_inbox_key
from retouch.inbox.object_version import ObjectVersion, version_from_metadata
from retouch.inbox.store import ORDER_NAME, InboxFile, InboxStore, InboxUnavailable, WrittenFile
from retouch.orders.destination import InboxTarget

_SOURCE_NAME = "retouch-source"
_MAX_METADATA_BYTES = 1500  # S3 takes 2 KB in all
_TRIES = 3
_EXTENSIONS = {"jpeg": "jpg"}


@frozen_dataclass
class OutboxImage:
    """One image of a result."""

    data: bytes
    format: str  # "png", "jpeg" or "webp"


@frozen_dataclass
class EditEnd:
    """What is written about an edit besides its images."""

    order_id: str
    billed: str
    cost: str
    job: Mapping[str, Any]


def write_result(
    target: InboxTarget, images: Sequence[OutboxImage], end: EditEnd, store: InboxStore
) -> Sequence[str]:
    """Write the images and the job beside them. Return the keys of the images. Raises InboxUnavailable."""
    name = read_inbox_key(target.object_key) or InboxName(target.recipe, target.object_key)
    writer = _Writer(target, end, store)
    keys = [
        writer.write_image(name, _EXTENSIONS.get(image.format, image.format), index, image)
        for index, image in enumerate(images)
    ]
    if keys:
        writer.write_document(f"{keys[0]}.json", {**end.job, "outputs": keys})
    return keys


def write_failure(target: InboxTarget, end: EditEnd, store: InboxStore) -> None:
    """Write the failure of an edit. Raises InboxUnavailable."""
    document = {
        "object": target.object_key,
        "error": end.job.get("error"),
        "status": end.job.get("status"),
        "billed": end.billed,
        "order": end.order_id or None,
        "job": end.job.get("id"),
    }
    _Writer(target, end, store).write_document(target.failure_key, document)


class _Writer:
    def __init__(self, target: InboxTarget, end: EditEnd, store: InboxStore) -> None:
        self._target, self._end, self._store = target, end, store
        self._version = ObjectVersion(target.sequencer, target.modified)

    def write_image(self, name: InboxName, extension: str, index: int, image: OutboxImage) -> str:
        """Write an image, and return its key. It gets another key if the result of another object has this one."""
        full_name = name._replace(name=f"{name.name}.{extension}")
        names = [name] if full_name.stem == name.stem else [name, full_name]
        keys = [output_key(self._target.output, one, extension, index) for one in names]
        for key in keys[:-1]:
            if self._write(key, image.data, f"image/{image.format}", is_shared=False):
                return key
        self._write(keys[-1], image.data, f"image/{image.format}", is_shared=True)
        return keys[-1]

    def write_document(self, key: str, document: Mapping[str, Any]) -> None:
        data = orjson.dumps(document, option=orjson.OPT_INDENT_2)
        self._write(key, data, "application/json", is_shared=True)

    def _write(self, key: str, data: bytes, content_type: str, is_shared: bool) -> bool:
        """Write an object unless a newer version is there. Return whether the key is this object's.

        With `is_shared` it is also the key of other objects, and the newest one counts.
        """
        file = WrittenFile(self._target.bucket, key, data, content_type, self._metadata())
        for _ in range(_TRIES):
            existing = self._store.read_metadata(self._target.bucket, key)
            if existing and not is_shared and self._is_of_another(existing):
                return False
            if existing and self._is_newer(existing):
                return True
            if self._store.write(file, existing.etag if existing else ""):
                return True
        raise InboxUnavailable(f"The object {key!r} is written by others all the time.")

    def _is_of_another(self, existing: InboxFile) -> bool:
        source = existing.metadata.get(_SOURCE_NAME)
        return source is not None and source != self._source()

    def _is_newer(self, existing: InboxFile) -> bool:
        version = version_from_metadata(existing.metadata)
        return version is not None and self._version.is_older_than(version)

    def _metadata(self) -> dict[str, str]:
        end = self._end
        return {
            ORDER_NAME: end.order_id or "-",
            _SOURCE_NAME: self._source(),
            "retouch-billed": end.billed,
            **({"retouch-cost-usd": end.cost} if end.cost else {}),
            **self._version.to_metadata(),
        }

    def _source(self) -> str:
        return quote(self._target.object_key)[:_MAX_METADATA_BYTES]
