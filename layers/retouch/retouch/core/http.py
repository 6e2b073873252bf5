"""An HTTP answer, and a Fault as one: OpenAI's error envelope."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An HTTP answer. The body is JSON, or pieces that are still to come.

    Pieces return, at their end, the answer as it turned out; None where it is as it began.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | BodyStream
    log_fields: Mapping[str, Any] = field(default_factory=dict)  # for the log and the metrics


BodyStream = Generator[bytes, None, HttpResponse | None]


def json_headers(request_id: str) -> dict[str, str]:
    """What every JSON answer carries."""
    return {"Content-Type": "application/json", "x-request-id": request_id}
