"""Adapters for the resolver of Powertools, which both functions use."""

from __future__ import annotations

from logging import Logger
from typing import Any

from aws_lambda_powertools.event_handler import Response

from retouch.core.http_response import HttpResponse
from retouch.core.settings import Settings


def warn_about_open_settings(settings: Settings, logger: Logger) -> None:
    """Log a warning for each setting that opens the gateway."""
    if settings.auth_mode == "open":
        logger.warning("RETOUCH_AUTH_MODE=open: anybody who reaches this gateway may use it")
    if settings.fetch_allowlist:
        logger.warning(
            "RETOUCH_FETCH_ALLOW: URLs may lead to these hosts although the URL policy refuses them",
            extra={"allowed": settings.fetch_allowlist},
        )
    if settings.webhook_allowlist:
        logger.warning(
            "RETOUCH_WEBHOOK_ALLOW: guardrail webhooks may be at these hosts although the URL policy refuses them",
            extra={"allowed": settings.webhook_allowlist},
        )


def api_gateway_request_id(event: Any) -> str:
    """Return the request id that API Gateway made. A caller cannot choose it."""
    return str(event.raw_event["requestContext"].get("requestId") or "")


def passthrough_serializer(body: Any) -> Any:
    """Return the body unchanged, because it is encoded already."""
    return body


def to_powertools_response(http_response: HttpResponse) -> Response[Any]:
    """Return the response in the form of Powertools.

    The resolver would encode bytes as base64. It leaves a memoryview and an iterator unchanged.
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
