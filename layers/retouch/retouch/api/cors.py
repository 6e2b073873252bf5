"""CORS: the origins and headers that browsers may use."""

from __future__ import annotations

from collections.abc import Iterable

from aws_lambda_powertools.event_handler import CORSConfig

from retouch.core.capabilities import Provider
from retouch.core.portkey_types import KNOWN_HEADERS, PORTKEY_PREFIX
from retouch.core.settings import Settings

_EXPOSED_HEADERS = [
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
    "x-retouch-idempotency-expires",
    "x-retouch-model",
    "x-retouch-notes",
    "x-retouch-operation",
    "x-retouch-order",
    "x-retouch-preserved-pixels",
    "x-retouch-upstream-processing-ms",
    "x-retouch-upstream-request-id",
    "x-retouch-url-expires",
    "x-should-retry",
    "deprecation",
    "idempotent-replayed",
    "retry-after",
    "sunset",
    "traceparent",
]
# The headers that the gateway reads besides Portkey's.
_REQUEST_HEADERS = [
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "Idempotency-Key",
    "Prefer",
    "api-key",
    "traceparent",
    "x-portkey-api-key",
    "x-portkey-provider",
    "x-retouch-join",
    "x-stainless-read-timeout",
    "x-stainless-timeout",
]
# SDKs in a browser send these headers. The gateway does not read them, but a browser needs the permission.
_SDK_HEADERS = [
    *(f"x-stainless-{name}" for name in ("arch", "helper-method", "lang", "os", "package-version")),
    *(f"x-stainless-{name}" for name in ("retry-count", "runtime", "runtime-version")),
    *(f"x-portkey-{name}" for name in ("package-version", "runtime", "runtime-version")),
    "OpenAI-Organization",
    "OpenAI-Project",
]


def cors_config(settings: Settings, providers: Iterable[Provider] = ()) -> CORSConfig | None:
    """Return the CORS configuration, or None when no origin is configured.

    Browsers may send every header that the gateway reads: Portkey's headers, the options of `providers`, and the
    headers that the operator forwards.
    """
    if not settings.cors_origins:
        return None
    first_origin, *other_origins = settings.cors_origins
    options = (name for provider in providers for name in provider.portkey_settings)
    portkey_headers = (PORTKEY_PREFIX + name for name in (*KNOWN_HEADERS, *options))
    return CORSConfig(
        first_origin,
        extra_origins=other_origins,
        allow_headers=[
            *_REQUEST_HEADERS,
            *_SDK_HEADERS,
            *portkey_headers,
            *settings.forwardable_headers,
        ],
        expose_headers=_EXPOSED_HEADERS,
        max_age=3600,
    )
