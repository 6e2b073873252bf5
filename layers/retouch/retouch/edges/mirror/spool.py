"""A body on its way: hashed and counted while it arrives, in memory up to 8 MiB and beyond that in a file."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from tempfile import SpooledTemporaryFile

_IN_MEMORY = 8 * 1024 * 1024
# Looking at a picture takes all of it in memory; eight large ones at once would not fit.
_ONE_LARGE = threading.Lock()


class Spooled:
    """A body that has arrived; the file behind it is gone when the process ends, however it ends."""

    def __init__(self, file: SpooledTemporaryFile[bytes], size: int, sha256: bytes) -> None:
        self._file, self.size, self.sha256 = file, size, sha256

    @contextmanager
    def whole(self) -> Iterator[bytes]:
        """All of it, for as long as the context lasts; large ones take turns."""
        with _ONE_LARGE if self.size > _IN_MEMORY else nullcontext():
            self._file.seek(0)
            yield self._file.read()

    def parts(self, size: int) -> Iterator[bytes]:
        """It again from the start, in parts of `size` bytes, of which only the last is shorter."""
        self._file.seek(0)
        while part := self._file.read(size):
            yield part


@contextmanager
def spool(chunks: Iterable[bytes]) -> Iterator[Spooled]:
    """Take a body in; what its chunks raise is passed on. OSError when the disk is full."""
    digest, size = hashlib.sha256(), 0
    with SpooledTemporaryFile(_IN_MEMORY) as file:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
        yield Spooled(file, size, digest.digest())
