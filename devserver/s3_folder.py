"""Keeps the objects of the local S3 in a folder, so that the links to them still work after a restart.

moto has its objects in memory. Each object that is written is also written to a file. An object that is read and is
not in memory comes from its file.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

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
            if file.stat().st_mtime < now - _MAX_AGE_SECONDS:
                file.unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folder / quote(name, safe="")

    def _replace(self, file: Path, data: bytes) -> None:
        """Write a file at once, so that a reader never sees a part of it."""
        new = file.with_name(f".{file.name}.{os.getpid()}")
        new.write_bytes(data)
        new.replace(file)


class KeptObjects:
    """A WSGI application around moto's. It loads the object of a request, and saves what a request has written."""

    def __init__(self, app: WSGIApplication, folder: Path, bucket: str) -> None:
        self._app, self._bucket, self._folder = app, bucket, ObjectFolder(folder)
        self._folder.delete_old(time.time())
        self._backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        self._saved: dict[str, FakeKey] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a request."""
        path = environ["PATH_INFO"].encode("latin-1").decode()  # WSGI
        bucket, _, name = path.removeprefix("/").partition("/")
        keys = self._keys()
        if environ["REQUEST_METHOD"] in ("GET", "HEAD") and bucket == self._bucket:
            self._load(name, keys)
        body = list(self._app(environ, start_response))
        if environ["REQUEST_METHOD"] in ("PUT", "POST", "DELETE"):
            self._save_changes()
        return body

    def _keys(self) -> dict[str, FakeKey]:
        """Return the objects in memory. There is no bucket before the first request."""
        bucket = self._backend.buckets.get(self._bucket)
        return dict(bucket.keys.items()) if bucket else {}

    def _load(self, name: str, keys: Mapping[str, FakeKey]) -> None:
        stored = None if name in keys else self._folder.read(name)
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
