"""What the clients of S3 have in common: the objects that they write and read, and their methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any, Protocol

from retouch.core.frozen_dataclass import frozen_dataclass

CONTENT_DISPOSITION = "inline"  # Safe: none of the stored types can run code.


@frozen_dataclass
class WrittenObject:
    """An object to store: its place, its bytes and what S3 says about it when it is read."""

    bucket: str
    key: str
    data: bytes
    checksum_sha256: str  # Base64. S3 compares the bytes with it.
    content_type: str
    cache_control: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    only_if_absent: bool = False  # S3 refuses to replace an object of the same key.


@frozen_dataclass
class OpenObject:
    """An object whose bytes are not read yet. Its reader reads them or closes it."""

    size: int  # bytes
    metadata: Mapping[str, str]  # names in lower case
    chunks: Iterator[bytes]
    close: Callable[[], None]

    def read(self, max_bytes: int | None = None) -> bytes:
        """Return the bytes, or the first ones of them, and close the object. Raises OSError and botocore's errors."""
        pieces: list[bytes] = []
        try:
            for chunk in self.chunks:
                pieces.append(chunk)
                if max_bytes is not None and sum(map(len, pieces)) >= max_bytes:
                    break
        finally:
            self.close()
        return b"".join(pieces)[:max_bytes]


@frozen_dataclass
class UploadForm:
    """A form that uploads one object: its bucket and key, its fields and conditions, and its lifetime in seconds."""

    bucket: str
    key: str
    fields: Mapping[str, str]
    conditions: list[Any]
    lifetime: int


class ObjectAccess(Protocol):
    """A client of S3. Its methods raise ServiceError, OSError and botocore's errors."""

    def write(self, stored: WrittenObject) -> None:
        """Store an object."""

    def open(self, bucket: str, key: str) -> OpenObject | None:
        """Return an object, or None when there is none of this key."""

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        """Return a link to an object that works for `seconds`, unless the credentials that sign it expire before."""

    def create_form(self, form: UploadForm) -> dict[str, Any]:
        """Return the URL and the fields of a form: {"url", "fields"}."""
