"""The result of one URL, for the caller, the queue and the event bus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from retouch.core.frozen_dataclass import frozen_dataclass

MirrorStatus = Literal["stored", "exists", "refused", "failed"]
DEADLINE_EXCEEDED = "deadline_exceeded"


@frozen_dataclass
class MirrorError:
    """The public reason why a URL is not in the bucket. `retryable`: the same request may succeed later."""

    code: str
    message: str
    retryable: bool


@frozen_dataclass
class MirrorResult:
    """The result of one URL.

    "stored": the image is now in the bucket. "exists": it was already there. "refused": it will never be accepted.
    "failed": it could not be fetched or stored. `expires_at` is in Unix seconds, None for a permanent link. `width` and
    `height` are in pixels as displayed.
    """

    status: MirrorStatus
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
    error: MirrorError | None = None
    # Internal fields: with them, a caller could use the mirror as a port scanner.
    reason: str = ""  # the fetcher's reason
    transient: bool = False  # whether another attempt may succeed

    @property
    def is_out_of_time(self) -> bool:
        """Return whether the function ran out of time before or during this URL."""
        return self.error is not None and self.error.code == DEADLINE_EXCEEDED

    def to_public_dict(self) -> dict[str, Any]:
        """Return the fields that are public."""
        fields = asdict(self)
        del fields["reason"], fields["transient"]
        return fields


def response_document(results: Sequence[MirrorResult], created: int) -> dict[str, Any]:
    """Return the mirror's response body."""
    return {
        "object": "mirror",
        "created": created,
        "data": [result.to_public_dict() for result in results],
    }


def url_host(url: str) -> str:
    """Return the URL's host, the only part that a log or an object's metadata may contain. Empty when it has none."""
    try:
        return quote(urlsplit(url).hostname or "", safe=":.-_")[:253]
    except ValueError:
        return ""
