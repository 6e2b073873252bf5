"""Azure OpenAI: deployments in the path or, in the v1 form, in the order; multipart only; no WebP anywhere."""

import re
from typing import ClassVar

from tests.contract.standin import repeated
from tests.contract.standins._gpt_image import GptImage
from tests.contract.standins._gpt_image_rules import (
    BLOCKED,
    BROKEN,
    LIMITED,
    OPERATOR,
    QUALITIES,
    Rules,
    error,
    fails,
    refuse,
    shared_failures,
    text,
)
from tests.support.upstream import as_json

QUALITY = QUALITIES[1:]  # no auto: leaving it out means high here
FIRST = Rules(qualities=QUALITY, fidelities=("low", "high"))
SECOND = Rules(qualities=QUALITY, sizes=("auto",), free=True)
CLASSIC = re.compile(r"/openai/deployments/([^/]+)/images/edits")
SEVERE = {"violence": {"filtered": True, "severity": "medium"}, "hate": {"filtered": False}}
TICKET = "File an Azure support ticket. safety_violations=[violence]."
SUSPENDED = (
    "Your resource has been temporarily blocked because we detected behavior that may violate"
)


class AzureOpenAI(GptImage):
    slug = "azure-openai"
    formats = ("png", "jpeg")
    outputs = ("png", "jpeg")
    models: ClassVar = {
        "gpt-image-2": SECOND,
        "gpt-image-2.5-sunburst": SECOND,
        "gpt-image-2.5-flare": SECOND,
        "gpt-image-1.5": FIRST,
        "gpt-image-1-mini": Rules(qualities=QUALITY),
    }

    def env(self):
        return {"AZURE_OPENAI_API_KEY": self.key, "AZURE_OPENAI_ENDPOINT": self.url}

    def admit(self, received):
        self.check_key(received.headers)
        if received.method == "GET" and received.path == "/openai/models":
            return ""
        if not received.parts:
            refuse(400, "InvalidPayload", "multipart/form-data is needed")
        deployment = self.deployment(received)
        if deployment not in self.models:
            refuse(404, "DeploymentNotFound", "The API deployment does not exist.")
        return deployment

    def check_key(self, headers):
        shown = [headers[name] for name in ("api-key", "authorization") if name in headers]
        if shown not in ([self.key], ["Bearer eyJ.entra"]):
            refuse(401, "401", "Access denied due to invalid subscription key or wrong endpoint.")

    def deployment(self, received):
        if received.path == "/openai/v1/images/edits":
            if received.query not in ({}, {"api-version": "preview"}):
                refuse(400, "BadRequest", "api-version is not allowed")
            return received.fields.get("model", "")
        found = CLASSIC.fullmatch(received.path)
        if not found or not re.fullmatch(
            r"20\d\d-\d\d-\d\d(-preview)?", received.query.get("api-version", "")
        ):
            refuse(404, "404", "Resource not found")
        if "model" in received.fields:
            refuse(400, "InvalidPayload", "model is not allowed here")
        return found[1]

    def fields(self, rules):
        return {**super().fields(rules), "model": text(100)}  # of the v1 form: see deployment

    def failures(self):
        hint = {"retry-after-ms": "1500", "retry-after": "60"}
        return {
            **shared_failures(),
            "bad_key": fails(said(401, "401", f"Access denied due to invalid key {self.key}."), *OPERATOR),
            "suspended": fails(said(403, "Forbidden", SUSPENDED), *OPERATOR),
            "no_deployment": fails(said(404, "DeploymentNotFound", "It does not exist."), 404, "DeploymentNotFound"),
            "wrong_path": fails(said(404, "404", "Resource not found"), 404, "provider_refused"),
            "payload": fails(said(400, "InvalidPayload", "size is invalid"), 400, "InvalidPayload"),
            "rate_limited": fails(said(429, "429", "slower"), *LIMITED),
            "rate_limited_with_word": fails(said(429, "RateLimitReached", "slower"), 429, "RateLimitReached"),
            "rate_limited_with_number": fails(said(429, 429, "slower"), *LIMITED),
            "rate_limited_with_hint": repeated(fails(said(429, "429", "slower", headers=hint), *LIMITED)),
            "unavailable": fails(said(503, "503", "transient"), *BROKEN),
            "moderated_1_word": blocked(code="contentFilter", message="our safety system"),
            "moderated_2_dall_e": blocked(
                code="content_policy_violation",
                message="rejected",
                type="invalid_request_error",
                inner_error={"code": "ResponsibleAIPolicyViolation", "content_filter_results": SEVERE},
            ),
            "moderated_3_filter": blocked(
                code="content_filter",
                message="filtered",
                param="prompt",
                status=400,
                innererror={"code": "ResponsibleAIPolicyViolation", "content_filter_result": SEVERE},
            ),
            "moderated_3_with_odd_details": blocked(
                code="content_filter", message="filtered", innererror={"content_filter_result": ["violence"]}
            ),
            "moderated_3_with_odd_categories": blocked(
                code="content_filter", message=["filtered"], innererror={"content_filter_results": {"hate": None}}
            ),
            "moderated_4_model": blocked(
                code="moderation_blocked", message=TICKET, param="", type="image_generation_user_error"
            ),
            "moderated_4_without_details": blocked(code="contentFilter", innererror="?"),
            "moderated_5_inner": blocked(
                code=400, message="filtered", innererror={"code": "ResponsibleAIPolicyViolation"}
            ),
        }  # fmt: skip


def said(status, code, message, headers=None):
    """Without a type, as Azure's own layers answer."""
    return error(status, code, message, type=None, headers=headers or {})


def blocked(**told):
    answer = as_json({"created": 1_795_000_000, "error": told}, 400)
    return fails(answer, *BLOCKED)
