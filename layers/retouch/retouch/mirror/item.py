"""What became of one URL, as the caller, the queue and the bus are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal
from urllib.parse import quote, urlsplit

Status = Literal["stored", "exists", "refused", "failed"]
OUT_OF_TIME = "deadline_exceeded"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a URL is not in the bucket, as told to callers; `retryable` where the same order may succeed later."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Item:
    """One URL's outcome.

    "stored" was put into the bucket now, "exists" lay there already; "refused" will never be taken, "failed" could
    not be had. `expires_at` is in unix seconds, None for a permanent link; width and height in pixels as displayed.
    """

    status: Status
    source_url: str
    key: str | None = None
    bucket: str | None = None
    url: str | None = None
    expires_at: int | None = None
    content_type: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    error: Trouble | None = None
    # For the house only: a caller who could read these would have a port scanner.
    reason: str = ""  # the fetcher's
    transient: bool = False  # whether another try may go better

    @property
    def out_of_time(self) -> bool:
        """Whether the function's time was over before the URL had its turn, or in the middle of it."""
        return self.error is not None and self.error.code == OUT_OF_TIME

    def public(self) -> dict[str, Any]:
        """What anybody may be told."""
        told = asdict(self)
        del told["reason"], told["transient"]
        return told


def document(items: Sequence[Item], created: int) -> dict[str, Any]:
    """The mirror's answer."""
    return {"object": "mirror", "created": created, "data": [item.public() for item in items]}


def host(url: str) -> str:
    """All that a log or an object's metadata may know of a URL; empty where there is no telling."""
    try:
        return quote(urlsplit(url).hostname or "", safe=":.-_")[:253]
    except ValueError:
        return ""
