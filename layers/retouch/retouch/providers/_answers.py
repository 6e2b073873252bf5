"""What answers have in common that nobody vouches for: fields of any type, errors of many shapes, results as links.

A side fact of the wrong type is no fact; it never costs the picture that it came with.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Generator, Mapping
from typing import Any

from retouch.messages import Artifact, Call, Reply, Step
from retouch.pixels.sniff import sniff

_SENTENCES = ("message", "msg", "error", "detail", "faultstring")
_DEEPEST = 8  # levels of an error that are looked into
_HEAD = 24  # characters of base64 that tell whether it is a picture


def text(value: Any) -> str:
    """The text that should be there; "" for anything else."""
    return value if isinstance(value, str) else ""


def mapping(value: Any) -> Mapping[str, Any]:
    """The object that should be there; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def listed(value: Any) -> list[Any]:
    """The list that should be there; an empty one for anything else."""
    return value if isinstance(value, list) else []


def whole(value: Any) -> int | None:
    """The count that should be there; None for anything else, and for less than nothing."""
    return value if type(value) is int and value >= 0 else None


def words(error: Any, depth: int = _DEEPEST) -> str:
    """The sentence in an error that may be text, an object around it, or a list of either; else ""."""
    if not depth:
        return ""
    if isinstance(error, Mapping):
        said = (words(error.get(name), depth - 1) for name in _SENTENCES)
        return next(filter(None, said), "")
    if isinstance(error, list):
        return "; ".join(filter(None, (words(each, depth - 1) for each in error)))
    return text(error)


def format_of(base64: str) -> str | None:
    """ "png", "jpeg" or "webp" by the first bytes of a picture in base64; None for anything else."""
    try:
        return sniff(b64decode(base64[:_HEAD], validate=True))
    except ValueError:
        return None


def drawn(value: Any) -> str:
    """The base64 of a picture that should be there; "" for anything else."""
    base64 = text(value)
    return base64 if format_of(base64) else ""


def fetched(link: str) -> Generator[Step, Reply, Artifact]:
    """A result by link, fetched at once; a data: URL or bare base64 is the picture itself.

    ValueError for text that is neither: it would leave as a success.
    """
    if "://" not in link:
        picture = drawn(link.rpartition(",")[2])
        if not picture:
            raise ValueError("a result is neither a link nor a picture")
        return Artifact(b64=picture)
    file = yield Call("GET", link, repeatable=True)
    return Artifact(data=file.body)
