"""Bedrock Guardrails as a check of texts: ApplyGuardrail, paid for by the operator's account.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html. The function's role needs
`bedrock:ApplyGuardrail` on the guardrails that callers may name; credentials are never taken from a config.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from retouch.edges.aws.session import Aws, Terms
from retouch.guardrails.model import CheckError, Review

_log = logging.getLogger("retouch")
_TERMS = Terms(connect=2, read=5, attempts=2)


class BedrockGuardrail:
    """Asks Bedrock, in the region that a review names; safe to share between threads."""

    def __init__(self, aws: Aws, endpoint: str = "") -> None:
        """`endpoint` replaces AWS's own address."""
        self._aws, self._endpoint = aws, endpoint

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
        return self._aws.client("bedrock-runtime", _TERMS, region=region, endpoint=self._endpoint)
