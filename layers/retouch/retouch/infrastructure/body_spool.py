"""The spool for a body: it hashes and counts the bytes as they arrive, in memory up to 8 MiB, then in a file."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from tempfile import SpooledTemporaryFile

_MAX_MEMORY_BYTES = 8 * 1024 * 1024
# An image is inspected in memory as a whole. Eight large images at once would not fit.
_LARGE_BODY_LOCK = threading.Lock()


class SpooledBody:
    """A body that was received completely. Its file disappears when the process ends, however it ends."""

    def __init__(self, file: SpooledTemporaryFile[bytes], size: int, sha256: bytes) -> None:
        self._file, self.size, self.sha256 = file, size, sha256

    @contextmanager
    def load(self) -> Iterator[bytes]:
        """Return a context manager that holds the whole body in memory. Only one large body is loaded at a time."""
        with _LARGE_BODY_LOCK if self.size > _MAX_MEMORY_BYTES else nullcontext():
            self._file.seek(0)
            yield self._file.read()

    def read_parts(self, size: int) -> Iterator[bytes]:
        """Yield the body from the start, in parts of `size` bytes. Only the last part is shorter."""
        self._file.seek(0)
        while part := self._file.read(size):
            yield part


@contextmanager
def spool_body(chunks: Iterable[bytes]) -> Iterator[SpooledBody]:
    """Receive a body. Errors of its chunks pass through. Raises OSError when the disk is full."""
    digest, size = hashlib.sha256(), 0
    with SpooledTemporaryFile(_MAX_MEMORY_BYTES) as file:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
        yield SpooledBody(file, size, digest.digest())
