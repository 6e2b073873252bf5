"""What every function behind the API shares with the resolver: browsers' rights, and answers handed through."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response

from retouch.core.http import HttpResponse
from retouch.core.settings import Settings


def warn_about_open_settings(settings: Settings, logger: Logger) -> None:
    """Say in the log what the operator has opened."""
    if settings.auth_mode == "open":
        logger.warning("RETOUCH_AUTH_MODE=open: anybody who reaches this gateway may use it")
    if settings.fetch_allowlist:
        logger.warning(
            "RETOUCH_FETCH_ALLOW: URLs may lead to these hosts although the guard would refuse them",
            extra={"allowed": settings.fetch_allowlist},
        )


def api_gateway_request_id(event: Any) -> str:
    """The request's id: the front's own, never the caller's."""
    return str(event.raw_event["requestContext"].get("requestId") or "")


def passthrough_serializer(body: Any) -> Any:
    """Bodies come encoded; the resolver must not touch them again."""
    return body


def to_powertools_response(http_response: HttpResponse) -> Response[Any]:
    """An Answer as the resolver's Response, its body passed through to the runtime loop as it is.

    The resolver would turn bytes into base64; a memoryview of them it leaves alone, as it does an iterator.
    """
    headers = {
        header_name: header_value
        for header_name, header_value in http_response.headers.items()
        if header_name != "Content-Type"
    }
    body = (
        memoryview(http_response.body)
        if isinstance(http_response.body, bytes)
        else http_response.body
    )
    return Response(http_response.status, http_response.headers["Content-Type"], body, headers)
