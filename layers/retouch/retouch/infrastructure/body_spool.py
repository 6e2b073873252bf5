"""The spool for a body: it hashes and counts the bytes as they arrive, in memory up to 8 MiB, then in a file."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO

_MAX_MEMORY_BYTES = 8 * 1024 * 1024
# An image is inspected in memory as a whole. Eight large images at once would not fit.
_LARGE_BODY_LOCK = threading.Lock()


class BodyInMemory:
    """A body of limited size that was received completely."""

    def __init__(self, data: bytes, sha256: bytes) -> None:
        self._data, self.size, self.sha256 = data, len(data), sha256

    @contextmanager
    def load(self) -> Iterator[bytes]:
        """Return a context manager that holds the whole body."""
        yield self._data

    def read_parts(self, size: int) -> Iterator[bytes]:
        """Yield the body from the start, in parts of `size` bytes. Only the last part is shorter."""
        yield from (self._data[at : at + size] for at in range(0, self.size, size))


class BodyInFile:
    """A larger body that was received completely. Its file disappears when the process ends, however it ends."""

    def __init__(self, file: IO[bytes], size: int, sha256: bytes) -> None:
        self._file, self.size, self.sha256 = file, size, sha256

    @contextmanager
    def load(self) -> Iterator[bytes]:
        """Return a context manager that holds the whole body in memory. Only one large body is loaded at a time."""
        with _LARGE_BODY_LOCK:
            self._file.seek(0)
            yield self._file.read()

    def read_parts(self, size: int) -> Iterator[bytes]:
        """Yield the body from the start, in parts of `size` bytes. Only the last part is shorter."""
        self._file.seek(0)
        while part := self._file.read(size):
            yield part


@contextmanager
def spool_body(chunks: Iterable[bytes]) -> Iterator[BodyInMemory | BodyInFile]:
    """Receive a body. Errors of its chunks pass through. Raises OSError when the disk is full."""
    digest, size, first_chunks = hashlib.sha256(), 0, []
    remaining = iter(chunks)
    for chunk in remaining:
        digest.update(chunk)
        size += len(chunk)
        first_chunks.append(chunk)
        if size > _MAX_MEMORY_BYTES:
            break
    else:
        yield BodyInMemory(b"".join(first_chunks), digest.digest())
        return
    with TemporaryFile() as file:
        file.writelines(first_chunks)
        first_chunks.clear()
        for chunk in remaining:
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
        yield BodyInFile(file, size, digest.digest())
