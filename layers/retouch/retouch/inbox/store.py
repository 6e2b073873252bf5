"""The port to the objects of inboxes. Its methods raise InboxUnavailable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Protocol

from retouch.core.errors import Fault
from retouch.core.frozen_dataclass import frozen_dataclass

ORDER_NAME = "retouch-order"  # metadata of everything that the gateway writes


class InboxUnavailable(Fault):
    """The objects cannot be read or written now."""

    status = 503
    code = "inbox_unavailable"


@frozen_dataclass
class ObjectCreated:
    """The event of a new object."""

    bucket: str
    key: str
    etag: str = ""  # without quotes; empty: any version
    size: int | None = None
    sequencer: str = ""


@frozen_dataclass
class ListedObject:
    """An object in a listing."""

    key: str
    etag: str
    size: int


@frozen_dataclass
class InboxFile:
    """An object that was read."""

    data: bytes = field(repr=False)
    etag: str
    metadata: Mapping[str, str]
    modified: float  # Unix seconds

    @property
    def is_own(self) -> bool:
        """Whether the gateway has written the object."""
        return ORDER_NAME in self.metadata


@frozen_dataclass
class WrittenFile:
    """An object to write."""

    bucket: str
    key: str
    data: bytes = field(repr=False)
    content_type: str
    metadata: Mapping[str, str]


class InboxStore(Protocol):
    """The buckets of inboxes. Each method raises InboxUnavailable."""

    def read(self, bucket: str, key: str, etag: str = "") -> InboxFile | None:
        """Return an object. None: there is none, or it is not the version with this ETag."""

    def read_metadata(self, bucket: str, key: str) -> InboxFile | None:
        """Return an object without its data, or None."""

    def list_objects(self, bucket: str, prefix: str) -> Sequence[ListedObject]:
        """Return the first objects with this prefix."""

    def write(self, file: WrittenFile, replaces: str) -> bool:
        """Write an object in place of the one with the ETag `replaces`, or of none. Return whether that was there."""
