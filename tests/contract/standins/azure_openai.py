"""Azure OpenAI. The deployment is in the path, or in the body with the v1 API. Multipart only. No WebP."""

import re
from typing import ClassVar

from tests.contract.standin import with_expected_calls
from tests.contract.standins._gpt_image import GptImageStandIn
from tests.contract.standins._gpt_image_rules import (
    CREDENTIALS_ERROR,
    MODERATION_ERROR,
    PROVIDER_ERROR,
    QUALITIES,
    RATE_LIMIT_ERROR,
    ModelRules,
    error_response,
    expected_failure,
    refuse,
    shared_failures,
    text_up_to,
)
from tests.support.upstream import json_response

EXPLICIT_QUALITIES = QUALITIES[1:]  # no "auto": the default is "high" here
FIRST_GENERATION = ModelRules(qualities=EXPLICIT_QUALITIES, fidelities=("low", "high"))
SECOND_GENERATION = ModelRules(qualities=EXPLICIT_QUALITIES, sizes=("auto",), any_size=True)
DEPLOYMENT_PATH = re.compile(r"/openai/deployments/([^/]+)/images/edits")
FILTER_RESULTS = {"violence": {"filtered": True, "severity": "medium"}, "hate": {"filtered": False}}
TICKET_MESSAGE = "File an Azure support ticket. safety_violations=[violence]."
SUSPENDED_MESSAGE = (
    "Your resource has been temporarily blocked because we detected behavior that may violate"
)


class AzureOpenAIStandIn(GptImageStandIn):
    slug = "azure-openai"
    input_formats = ("png", "jpeg")
    output_formats = ("png", "jpeg")
    models: ClassVar = {
        "gpt-image-2": SECOND_GENERATION,
        "gpt-image-2.5-sunburst": SECOND_GENERATION,
        "gpt-image-2.5-flare": SECOND_GENERATION,
        "gpt-image-1.5": FIRST_GENERATION,
        "gpt-image-1-mini": ModelRules(qualities=EXPLICIT_QUALITIES),
    }

    def env(self):
        return {"AZURE_OPENAI_API_KEY": self.key, "AZURE_OPENAI_ENDPOINT": self.url}

    def check_access(self, received):
        self.check_key(received.headers)
        if received.method == "GET" and received.path == "/openai/models":
            return ""
        if not received.parts:
            refuse(400, "InvalidPayload", "multipart/form-data is needed")
        deployment = self.deployment_name(received)
        if deployment not in self.models:
            refuse(404, "DeploymentNotFound", "The API deployment does not exist.")
        return deployment

    def check_key(self, headers):
        credentials = [headers[name] for name in ("api-key", "authorization") if name in headers]
        if credentials not in ([self.key], ["Bearer eyJ.entra"]):
            refuse(401, "401", "Access denied due to invalid subscription key or wrong endpoint.")

    def deployment_name(self, received):
        if received.path == "/openai/v1/images/edits":
            if received.query not in ({}, {"api-version": "preview"}):
                refuse(400, "BadRequest", "api-version is not allowed")
            return received.fields.get("model", "")
        match = DEPLOYMENT_PATH.fullmatch(received.path)
        if not match or not re.fullmatch(
            r"20\d\d-\d\d-\d\d(-preview)?", received.query.get("api-version", "")
        ):
            refuse(404, "404", "Resource not found")
        if "model" in received.fields:
            refuse(400, "InvalidPayload", "model is not allowed here")
        assert match is not None  # `refuse` raised
        return match[1]

    def field_rules(self, rules):
        return {
            **super().field_rules(rules),
            "model": text_up_to(100),
        }  # v1 API only: see deployment_name

    def failures(self):
        retry_headers = {"retry-after-ms": "1500", "retry-after": "60"}
        return {
            **shared_failures(),
            "bad_key": expected_failure(
                error_without_type(401, "401", f"Access denied due to invalid key {self.key}."),
                *CREDENTIALS_ERROR,
            ),
            "suspended": expected_failure(
                error_without_type(403, "Forbidden", SUSPENDED_MESSAGE), *CREDENTIALS_ERROR
            ),
            "no_deployment": expected_failure(
                error_without_type(404, "DeploymentNotFound", "It does not exist."),
                404,
                "DeploymentNotFound",
            ),
            "wrong_path": expected_failure(
                error_without_type(404, "404", "Resource not found"), 404, "provider_refused"
            ),
            "payload": expected_failure(
                error_without_type(400, "InvalidPayload", "size is invalid"), 400, "InvalidPayload"
            ),
            "rate_limited": expected_failure(
                error_without_type(429, "429", "slower"), *RATE_LIMIT_ERROR
            ),
            "rate_limited_with_word": expected_failure(
                error_without_type(429, "RateLimitReached", "slower"), 429, "RateLimitReached"
            ),
            "rate_limited_with_number": expected_failure(
                error_without_type(429, 429, "slower"), *RATE_LIMIT_ERROR
            ),
            "rate_limited_with_hint": with_expected_calls(
                expected_failure(
                    error_without_type(429, "429", "slower", headers=retry_headers),
                    *RATE_LIMIT_ERROR,
                )
            ),
            "unavailable": expected_failure(
                error_without_type(503, "503", "transient"), *PROVIDER_ERROR
            ),
            "moderated_1_word": moderation_failure(
                code="contentFilter", message="our safety system"
            ),
            "moderated_2_dall_e": moderation_failure(
                code="content_policy_violation",
                message="rejected",
                type="invalid_request_error",
                inner_error={
                    "code": "ResponsibleAIPolicyViolation",
                    "content_filter_results": FILTER_RESULTS,
                },
            ),
            "moderated_3_filter": moderation_failure(
                code="content_filter",
                message="filtered",
                param="prompt",
                status=400,
                innererror={
                    "code": "ResponsibleAIPolicyViolation",
                    "content_filter_result": FILTER_RESULTS,
                },
            ),
            "moderated_3_with_odd_details": moderation_failure(
                code="content_filter",
                message="filtered",
                innererror={"content_filter_result": ["violence"]},
            ),
            "moderated_3_with_odd_categories": moderation_failure(
                code="content_filter",
                message=["filtered"],
                innererror={"content_filter_results": {"hate": None}},
            ),
            "moderated_4_model": moderation_failure(
                code="moderation_blocked",
                message=TICKET_MESSAGE,
                param="",
                type="image_generation_user_error",
            ),
            "moderated_4_without_details": moderation_failure(code="contentFilter", innererror="?"),
            "moderated_5_inner": moderation_failure(
                code=400, message="filtered", innererror={"code": "ResponsibleAIPolicyViolation"}
            ),
        }


def error_without_type(status, code, message, headers=None):
    """Return an error without a type, as Azure's own layers send it."""
    return error_response(status, code, message, type=None, headers=headers or {})


def moderation_failure(**error_fields):
    response = json_response({"created": 1_795_000_000, "error": error_fields}, 400)
    return expected_failure(response, *MODERATION_ERROR)
