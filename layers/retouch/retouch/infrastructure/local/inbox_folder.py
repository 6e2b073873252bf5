"""The objects of an inbox in a local folder. The metadata that S3 keeps lies in a hidden folder beside them."""

from __future__ import annotations

import fcntl
import hashlib
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from retouch.inbox.store import InboxFile, InboxUnavailable, ListedObject, WrittenFile

_HIDDEN = ".retouch"
_MAX_SIBLINGS = 100


class InboxFolder:
    """One folder in place of all buckets. Several processes may share it."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def read(self, bucket: str, key: str, etag: str = "") -> InboxFile | None:  # noqa: ARG002 - one folder
        """Return a file. None: there is none, or it has another content."""
        file = self._read(key)
        return file if file and etag in ("", file.etag) else None

    def read_metadata(self, bucket: str, key: str) -> InboxFile | None:  # noqa: ARG002 - one folder
        """Return a file without its data, or None."""
        file = self._read(key)
        return file and InboxFile(b"", file.etag, file.metadata, file.modified)

    def list_objects(self, bucket: str, prefix: str) -> Sequence[ListedObject]:  # noqa: ARG002 - one folder
        """Return the first files with this prefix."""
        parent = self._path(prefix + "x").parent
        try:
            names = sorted(one.name for one in parent.iterdir() if one.is_file())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unavailable_error(prefix) from error
        folder = prefix.rpartition("/")[0]
        keys = [f"{folder}/{name}" for name in names]
        files = [(key, self._read(key)) for key in keys if key.startswith(prefix)][:_MAX_SIBLINGS]
        return [ListedObject(key, file.etag, len(file.data)) for key, file in files if file]

    def write(self, file: WrittenFile, replaces: str) -> bool:
        """Write a file in place of the one with this ETag, or of none. Return whether that was there."""
        try:
            with self._hold_lock():
                existing = self._read(file.key)
                if (existing.etag if existing else "") != replaces:
                    return False
                kept = {"etag": _etag(file.data), "metadata": dict(file.metadata)}
                self._write(self._metadata_path(file.key), orjson.dumps(kept))
                self._write(self._path(file.key), file.data)
        except OSError as error:
            raise _unavailable_error(file.key) from error
        return True

    @contextmanager
    def _hold_lock(self) -> Iterator[None]:
        hidden = self._folder / _HIDDEN
        hidden.mkdir(parents=True, exist_ok=True)
        with (hidden / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self, key: str) -> InboxFile | None:
        path = self._path(key)
        try:
            data, modified = path.read_bytes(), path.stat().st_mtime
            metadata_path = self._metadata_path(key)
            kept = orjson.loads(metadata_path.read_bytes()) if metadata_path.exists() else {}
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise _unavailable_error(key) from error
        etag = _etag(data)
        # A user may have put another file in its place.
        metadata = kept["metadata"] if kept.get("etag") == etag else {}
        return InboxFile(data, etag, metadata, modified)

    def _write(self, path: Path, data: bytes) -> None:
        """Write a file, which appears as a whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / _HIDDEN / f"{secrets.token_hex(8)}.new"
        temporary.write_bytes(data)
        temporary.replace(path)

    def _metadata_path(self, key: str) -> Path:
        return self._folder / _HIDDEN / f"{hashlib.sha256(key.encode()).hexdigest()}.json"

    def _path(self, key: str) -> Path:
        """Return the path of a key. Raises InboxUnavailable for one that leaves the folder."""
        path = self._folder / key
        if ".." in path.parts or key.startswith("/") or "\0" in key:
            raise _unavailable_error(key)
        return path


def _etag(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _unavailable_error(key: str) -> InboxUnavailable:
    return InboxUnavailable(f"The file {key!r} cannot be read or written now.")
