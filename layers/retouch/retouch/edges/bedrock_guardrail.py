"""Bedrock Guardrails as a check of texts: ApplyGuardrail, paid for by the operator's account.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html. The function's role needs
`bedrock:ApplyGuardrail` on the guardrails that callers may name; credentials are never taken from a config.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from retouch.guardrails.model import CheckError, Review

_log = logging.getLogger("retouch")
_CONNECT, _READ = 2, 5  # seconds
_ATTEMPTS = 2


class BedrockGuardrail:
    """Asks Bedrock. boto3 and a client for each region are made when first needed; safe to share between threads."""

    def __init__(self, endpoint: str | None = None) -> None:
        """`endpoint` replaces AWS's own address."""
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}

    def __call__(self, review: Review) -> Mapping[str, Any]:
        """ApplyGuardrail's answer. CheckError where there is none; what AWS says goes to the log."""
        try:
            answer: Mapping[str, Any] = self._client(review.region).apply_guardrail(
                guardrailIdentifier=review.guardrail,
                guardrailVersion=review.version,
                source="INPUT",
                content=[{"text": {"text": review.text}}],
            )
        except Exception as broken:  # botocore has a tree of its own for each thing that fails
            _log.warning("a guardrail was not applied", exc_info=broken)
            raise CheckError(
                "Bedrock Guardrails gave no verdict. The operator finds the reason in the gateway's log."
            ) from None
        return answer

    def _client(self, region: str) -> Any:
        import boto3
        from botocore.config import Config

        with self._lock:
            if region not in self._clients:
                retries = {"total_max_attempts": _ATTEMPTS, "mode": "standard"}
                config = Config(connect_timeout=_CONNECT, read_timeout=_READ, retries=retries)  # type: ignore[arg-type]
                # A session of its own: boto3's default one must not be shared between threads.
                self._clients[region] = boto3.Session().client(
                    "bedrock-runtime",
                    region_name=region or None,
                    endpoint_url=self._endpoint,
                    config=config,
                )
            return self._clients[region]
