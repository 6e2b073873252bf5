"""What an attempt's answer says of the way to it, noted as it comes to pass: also where the attempt then fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from retouch.core.provider_protocol import ProviderRequest, ProviderResponse
from retouch.core.resolved_model import ResolvedModel

SendRequest = Callable[[ProviderRequest, ResolvedModel, float], ProviderResponse]
# What providers call it: OpenAI and most others; Azure's front; AWS. Each in its reference of response headers.
_REQUEST_ID_HEADERS = ("x-request-id", "apim-request-id", "x-amzn-requestid")
_REQUEST_ID_PATTERN = re.compile(r"[!-~]{1,128}")
_MILLISECONDS_PATTERN = re.compile(r"[0-9]{1,9}")
_MAX_RESPONSES = 10  # pictures, and so orders, of one edit


class AttemptLog:
    """Of one attempt at one provider. Orders may run side by side; each adds a line when it is answered."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._cache_status = ""
        self._response_headers: list[Mapping[str, str]] = []

    def set_cache_status(self, status: str) -> None:
        """How the look into the cache went, in Portkey's word."""
        self._cache_status = status

    def wrap_send(self, send: SendRequest) -> SendRequest:
        """`send`, with what is answered to orders noted. Polls and downloads are none, and strangers tell nothing."""

        def send_and_record(
            request: ProviderRequest, resolved: ResolvedModel, deadline: float
        ) -> ProviderResponse:
            response = send(request, resolved, deadline)
            if not request.idempotent:
                self._response_headers.append(_redact_headers(response.headers, resolved.key))
            return response

        return send_and_record

    @property
    def headers(self) -> dict[str, str]:
        """What is known so far."""
        known_values = {
            "x-portkey-provider": self._provider,
            "x-portkey-cache-status": self._cache_status,
            "x-retouch-upstream-request-id": self._joined_values(
                _REQUEST_ID_PATTERN, *_REQUEST_ID_HEADERS
            ),
            "x-retouch-upstream-processing-ms": self._joined_values(
                _MILLISECONDS_PATTERN, "openai-processing-ms"
            ),
        }
        return {name: value for name, value in known_values.items() if value}

    def _joined_values(self, pattern: re.Pattern[str], *names: str) -> str:
        """The first of the named headers of each reply, where it is fit to be shown."""
        values = (
            next((response_headers[n] for n in names if n in response_headers), "")
            for response_headers in self._response_headers[-_MAX_RESPONSES:]
        )
        return ", ".join(value for value in values if pattern.fullmatch(value))


def _redact_headers(headers: Mapping[str, str], key: str | None) -> dict[str, str]:
    """What may be repeated: nothing with the key in it, whoever put it there."""
    return {name: value for name, value in headers.items() if not (key and key in value)}
