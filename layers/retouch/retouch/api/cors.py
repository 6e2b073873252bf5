"""CORS: the origins and headers that browsers may use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

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
    "x-retouch-budget-remaining-usd",
    "x-retouch-cost-usd",
    "x-retouch-idempotency-expires",
    "x-retouch-model",
    "x-retouch-notes",
    "x-retouch-operation",
    "x-retouch-order",
    "x-retouch-preserved-pixels",
    "x-retouch-price-usd",
    "x-retouch-upstream-processing-ms",
    "x-retouch-upstream-request-id",
    "x-retouch-url-expires",
    "x-should-retry",
    "deprecation",
    "etag",
    "idempotent-replayed",
    "location",
    "preference-applied",
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
    "If-None-Match",
    "Prefer",
    "api-key",
    "traceparent",
    "x-portkey-api-key",
    "x-portkey-provider",
    "x-retouch-deadline",
    "x-retouch-join",
    "x-retouch-webhook",
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


# Clients that sign their requests for AWS, or that send a key of API Gateway, send these headers.
_AWS_HEADERS = ["X-Amz-Date", "X-Amz-Security-Token", "X-Api-Key"]
_MAX_AGE_SECONDS = "3600"


class CorsPolicy(NamedTuple):
    """The origins whose pages may read responses, and the values of the headers that permit it."""

    origins: frozenset[str]
    allowed_headers: str
    exposed_headers: str

    def response_headers(self, request_headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers for the origin of a request. Empty when the origin is not permitted."""
        origin = request_headers.get("origin")
        if origin is None or not (origin in self.origins or "*" in self.origins):
            return {}
        return {
            "Access-Control-Allow-Origin": origin if origin in self.origins else "*",
            "Access-Control-Allow-Headers": self.allowed_headers,
            "Access-Control-Expose-Headers": self.exposed_headers,
            "Access-Control-Max-Age": _MAX_AGE_SECONDS,
        }


def cors_policy(settings: Settings, providers: Iterable[Provider] = ()) -> CorsPolicy | None:
    """Return the CORS policy, or None when no origin is configured.

    Browsers may send every header that the gateway reads: Portkey's headers, the options of `providers`, and the
    headers that the operator forwards.
    """
    if not settings.cors_origins:
        return None
    options = (name for provider in providers for name in provider.portkey_settings)
    allowed_headers = {
        *_REQUEST_HEADERS,
        *_SDK_HEADERS,
        *_AWS_HEADERS,
        *(PORTKEY_PREFIX + name for name in (*KNOWN_HEADERS, *options)),
        *settings.forwardable_headers,
    }
    return CorsPolicy(
        frozenset(settings.cors_origins),
        ",".join(sorted(allowed_headers)),
        ",".join(_EXPOSED_HEADERS),
    )
