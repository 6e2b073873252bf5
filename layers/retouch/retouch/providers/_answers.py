"""What loosely specified answers have in common: errors of many shapes, and results that are links."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Generator, Mapping
from typing import Any

from retouch.messages import Artifact, Call, Reply, Step
from retouch.pixels.sniff import sniff

_SENTENCES = ("message", "msg", "error", "detail", "faultstring")


def words(error: Any) -> str:
    """The sentence in an error that may be text, an object around it, or a list of either; else ""."""
    if isinstance(error, Mapping):
        return words(next((error[name] for name in _SENTENCES if error.get(name)), ""))
    if isinstance(error, list):
        return "; ".join(filter(None, map(words, error)))
    return error if isinstance(error, str) else ""


def fetched(link: str) -> Generator[Step, Reply, Artifact]:
    """A result by link, fetched at once; a data: URL or bare base64 is the picture itself.

    ValueError for text that is neither: it would leave as a success.
    """
    if "://" not in link:
        text = link.rpartition(",")[2]
        if not sniff(b64decode(text[:24], validate=True)):
            raise ValueError("a result is neither a link nor a picture")
        return Artifact(b64=text)
    file = yield Call("GET", link, repeatable=True)
    return Artifact(data=file.body)
