"""Bedrock Guardrails as a text check: ApplyGuardrail, which the operator's account pays for.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html. The function's role needs
`bedrock:ApplyGuardrail` on the guardrails that callers may name. Credentials never come from a config.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from retouch.core.parameters import quote_value
from retouch.gateway.guardrails.types import BedrockGuardrailRequest, CheckError
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig

_log = logging.getLogger("retouch")
_CLIENT_CONFIG = ClientConfig(connect_timeout=2, read_timeout=5, max_attempts=2)


class BedrockGuardrailClient:
    """The client of Bedrock, in the region that a request names. Threads may share it."""

    def __init__(self, aws: AwsClients, endpoint: str = "") -> None:
        """Create the client. `endpoint` replaces AWS's own address."""
        self._aws, self._endpoint = aws, endpoint

    def __call__(self, request: BedrockGuardrailRequest) -> Mapping[str, Any]:
        """Return ApplyGuardrail's response. Raises CheckError when there is none; the log has AWS's error."""
        # A client takes half a megabyte, so a caller must not have one made for each name that it invents.
        if request.region and not self._aws.is_region(request.region):
            raise CheckError(f"There is no AWS region {quote_value(request.region)}.")
        try:
            response: Mapping[str, Any] = self._client(request.region).apply_guardrail(
                guardrailIdentifier=request.guardrail_id,
                guardrailVersion=request.version,
                source="INPUT",
                content=[{"text": {"text": request.text}}],
            )
        except Exception as error:  # botocore has many unrelated exception classes
            _log.warning("a guardrail was not applied", exc_info=error)
            raise CheckError(
                "Bedrock Guardrails gave no verdict. The operator finds the reason in the gateway's log."
            ) from None
        return response

    def _client(self, region: str) -> Any:
        return self._aws.client(
            "bedrock-runtime", _CLIENT_CONFIG, region=region, endpoint=self._endpoint
        )
