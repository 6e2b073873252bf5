"""An HTTP response, before it is rendered for API Gateway."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import field
from typing import Any

from retouch.core.frozen_dataclass import frozen_dataclass


@frozen_dataclass
class HttpResponse:
    """An HTTP response. The body is bytes, or a stream.

    A stream returns at its end the response as it really ended, for the log. None: it ended as it began.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | BodyStream
    log_fields: Mapping[str, Any] = field(default_factory=dict)  # for the log and the metrics


BodyStream = Generator[bytes, None, HttpResponse | None]


def json_headers(request_id: str) -> dict[str, str]:
    """Return the headers of every JSON response."""
    return {"Content-Type": "application/json", "x-request-id": request_id}
