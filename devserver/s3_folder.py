"""Keeps the objects of the local S3 in a folder, so that the links to them still work after a restart.

moto has its objects in memory. Each object that is written is also written to a file. An object that a request names
and that is not in memory comes from its file.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import FakeKey, s3_backends

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_MAX_AGE_SECONDS = 8 * 86_400  # S3 signs no link for more than seven days.
_HEADERS_SUFFIX = ".headers"


class ObjectFolder:
    """The files of the objects: the bytes, and beside them the headers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, name: str, data: bytes, headers: dict[str, str]) -> None:
        """Write an object. The headers come first: an object without its file does not exist."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._file(name)
        self._replace(file.with_name(file.name + _HEADERS_SUFFIX), json.dumps(headers).encode())
        self._replace(file, data)

    def read(self, name: str) -> tuple[bytes, dict[str, str]] | None:
        """Return the bytes and the headers of an object, or None when there is no such object."""
        file = self._file(name)
        try:
            return file.read_bytes(), json.loads(
                file.with_name(file.name + _HEADERS_SUFFIX).read_bytes()
            )
        except (OSError, ValueError):
            return None

    def delete(self, name: str) -> None:
        """Delete the files of an object, if there are any."""
        file = self._file(name)
        file.unlink(missing_ok=True)
        file.with_name(file.name + _HEADERS_SUFFIX).unlink(missing_ok=True)

    def delete_old(self, now: float) -> None:
        """Delete the files to which no link leads any more."""
        for file in self._folder.glob("*"):
            with suppress(FileNotFoundError):  # another server with this folder has deleted it
                if file.stat().st_mtime < now - _MAX_AGE_SECONDS:
                    file.unlink()

    def _file(self, name: str) -> Path:
        return self._folder / quote(name, safe="")

    def _replace(self, file: Path, data: bytes) -> None:
        """Write a file at once, so that a reader never sees a part of it."""
        new = file.with_name(f".{file.name}.{os.getpid()}")
        new.write_bytes(data)
        new.replace(file)


class FolderMiddleware:
    """A WSGI application around moto's. It loads the object of a request, and saves what a request has written."""

    def __init__(self, app: WSGIApplication, folder: Path, bucket: str) -> None:
        self._app, self._bucket, self._folder = app, bucket, ObjectFolder(folder)
        self._folder.delete_old(time.time())
        self._backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        self._saved: dict[str, FakeKey] = {}
        self._lock = threading.Lock()  # requests run in threads

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a request."""
        with self._lock:
            for name in self._named_objects(environ):
                self._load(name)
        body = list(self._app(environ, start_response))
        if environ["REQUEST_METHOD"] in ("PUT", "POST", "DELETE"):
            with self._lock:
                self._save_changes()
        return body

    def _named_objects(self, environ: WSGIEnvironment) -> Iterator[str]:
        """Yield the names of the objects of the bucket that a request reads, replaces, deletes or copies."""
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")  # WSGI
        for place in (path, unquote(environ.get("HTTP_X_AMZ_COPY_SOURCE", ""))):
            bucket, _, name = place.removeprefix("/").partition("/")
            if name and bucket == self._bucket:
                yield name

    def _keys(self) -> dict[str, FakeKey]:
        """Return the objects in memory. There is no bucket before the first request."""
        bucket = self._backend.buckets.get(self._bucket)
        # moto's own iterator fails when another thread deletes an object meanwhile.
        versions = dict(bucket.keys) if bucket else {}
        return {name: keys[-1] for name, keys in versions.items()}

    def _load(self, name: str) -> None:
        stored = None if name in self._keys() else self._folder.read(name)
        if stored:
            data, headers = stored
            key = self._backend.put_object(self._bucket, name, data)
            key.set_metadata(headers, replace=True)
            self._saved[name] = key

    def _save_changes(self) -> None:
        keys = self._keys()
        for name, key in keys.items():
            if self._saved.get(name) is not key:
                self._folder.save(name, key.value, dict(key.metadata))
        for name in self._saved.keys() - keys.keys():
            self._folder.delete(name)
        self._saved = keys
