"""What every function behind the API shares with the resolver: browsers' rights, and answers handed through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import CORSConfig, Response

from retouch.cards import Provider
from retouch.settings import Settings
from retouch.wire.answer import Answer
from retouch.wire.portkey import PREFIX, READ

_EXPOSED = [
    "x-portkey-cache-status",
    "x-portkey-gateway-exception",
    "x-portkey-last-used-option-index",
    "x-portkey-provider",
    "x-portkey-retry-attempt-count",
    "x-portkey-trace-id",
    "x-request-id",
    "x-retouch-attempts",
    "x-retouch-billed",
    "x-retouch-cost-usd",
    "x-retouch-model",
    "x-retouch-notes",
    "x-retouch-operation",
    "x-retouch-preserved-pixels",
    "x-retouch-upstream-processing-ms",
    "x-retouch-upstream-request-id",
    "x-retouch-url-expires",
    "x-should-retry",
    "deprecation",
    "retry-after",
    "sunset",
    "traceparent",
]
# What is read of a request beside the steering headers.
_PLAIN = [
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "traceparent",
    "x-portkey-api-key",
    "x-portkey-provider",
    "x-stainless-read-timeout",
    "x-stainless-timeout",
]
# What SDKs in a browser send of themselves: nothing here reads it, but without leave they could send nothing.
_SDKS = [
    *(f"x-stainless-{name}" for name in ("arch", "helper-method", "lang", "os", "package-version")),
    *(f"x-stainless-{name}" for name in ("retry-count", "runtime", "runtime-version")),
    *(f"x-portkey-{name}" for name in ("package-version", "runtime", "runtime-version")),
    "OpenAI-Organization",
    "OpenAI-Project",
]


def confess(settings: Settings, logger: Logger) -> None:
    """Say in the log what the operator has opened."""
    if settings.auth_mode == "open":
        logger.warning("RETOUCH_AUTH_MODE=open: anybody who reaches this gateway may use it")
    if settings.fetch_allow:
        logger.warning(
            "RETOUCH_FETCH_ALLOW: URLs may lead to these hosts although the guard would refuse them",
            extra={"allowed": settings.fetch_allow},
        )


def request_id(event: Any) -> str:
    """The request's id: the front's own, never the caller's."""
    return str(event.raw_event["requestContext"].get("requestId") or "")


def as_it_is(body: Any) -> Any:
    """Bodies come encoded; the resolver must not touch them again."""
    return body


def cors(settings: Settings, providers: Iterable[Provider] = ()) -> CORSConfig | None:
    """What browsers of the configured origins may do; nothing where none is configured.

    They may send every header that is read: those that steer, options of these providers, what the operator sends on.
    """
    if not settings.cors_origins:
        return None
    first, *rest = settings.cors_origins
    options = (name for provider in providers for name in provider.portkey)
    steering = (PREFIX + name for name in (*READ, *options))
    return CORSConfig(
        first,
        extra_origins=rest,
        allow_headers=[*_PLAIN, *_SDKS, *steering, *settings.forward_headers],
        expose_headers=_EXPOSED,
        max_age=3600,
    )


def response(answer: Answer) -> Response[Any]:
    """An Answer as the resolver's Response, its body passed through to the runtime loop as it is.

    The resolver would turn bytes into base64; a memoryview of them it leaves alone, as it does an iterator.
    """
    headers = {k: v for k, v in answer.headers.items() if k != "Content-Type"}
    body = memoryview(answer.body) if isinstance(answer.body, bytes) else answer.body
    return Response(answer.status, answer.headers["Content-Type"], body, headers)
