"""OpenAI: a multipart body, or a JSON body with image references. Only the JSON body may have `moderation`."""

from typing import ClassVar

from tests.contract.standin import with_expected_calls
from tests.contract.standins._gpt_image import GptImageStandIn
from tests.contract.standins._gpt_image_rules import (
    CREDENTIALS_ERROR,
    MODERATION_ERROR,
    QUALITIES,
    RATE_LIMIT_ERROR,
    ModelRules,
    error_response,
    expected_failure,
    one_of,
    refuse,
    shared_failures,
    text_up_to,
)
from tests.support.upstream import json_response

FIRST_GENERATION = ModelRules(fidelities=("low", "high"))
SECOND_GENERATION = ModelRules(sizes=("auto",), any_size=True)
GENERATION_2_5 = ModelRules(sizes=("auto",), any_size=True, qualities=(*QUALITIES, "xhigh", "max"))
GENERATION_2_6 = ModelRules(
    sizes=("auto",),
    any_size=True,
    qualities=(*QUALITIES, "xhigh", "max"),
    complexities=("low", "medium", "high"),
)
QUOTA_CODES = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_usage_limit_exceeded",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
)
REJECTED_MESSAGE = "Your request was rejected by the safety system."


class OpenAIStandIn(GptImageStandIn):
    slug = "openai"
    models: ClassVar = {
        "gpt-image-2.6-sunburst": GENERATION_2_6,
        "gpt-image-2.6-flare": GENERATION_2_6,
        "gpt-image-2.5-sunburst": GENERATION_2_5,
        "gpt-image-2.5-sunburst-2026-09-08": GENERATION_2_5,
        "gpt-image-2.5-flare": GENERATION_2_5,
        "gpt-image-2.5-flare-2026-09-08": GENERATION_2_5,
        "gpt-image-2": SECOND_GENERATION,
        "gpt-image-2-2026-04-21": SECOND_GENERATION,
        "gpt-image-1.5": FIRST_GENERATION,
        "gpt-image-1.5-2025-12-16": FIRST_GENERATION,
        "chatgpt-image-latest": FIRST_GENERATION,
        "gpt-image-1-mini": ModelRules(fidelities=("low",)),
    }

    def env(self):
        return {"OPENAI_API_KEY": self.key, "OPENAI_BASE_URL": f"{self.url}/v1"}

    def check_access(self, received):
        if received.headers.get("authorization") != f"Bearer {self.key}":
            refuse(401, "invalid_api_key", "Incorrect API key provided.")
        route = (received.method, received.path, received.query)
        if route == ("GET", "/v1/models", {}):
            return ""
        if route != ("POST", "/v1/images/edits", {}):
            refuse(404, "unknown_url", f"Unknown request URL: {received.path}")
        fields = received.fields if received.parts else received.json()
        if fields.get("model") not in self.models:
            refuse(400, "invalid_value", "The model does not exist.", "model")
        if received.parts and "moderation" in fields:
            refuse(400, "unknown_parameter", "Unknown parameter: 'moderation'.", "moderation")
        return fields["model"]

    def field_rules(self, rules):
        rules_by_field = {
            **super().field_rules(rules),
            "model": text_up_to(100),
            "safety_identifier": text_up_to(512),
            "moderation": one_of("auto", "low"),  # JSON body only: see check_access
        }
        if rules.complexities:
            rules_by_field["complexity"] = one_of(*rules.complexities)
        return rules_by_field

    def failures(self):
        retry_headers = {"retry-after-ms": "1500", "retry-after": "60"}
        return {
            **shared_failures(),
            "bad_key": expected_failure(
                error_response(401, "invalid_api_key", f"Incorrect API key: {self.key}."),
                *CREDENTIALS_ERROR,
            ),
            "forbidden": expected_failure(
                error_response(403, None, "Your organization must be verified."),
                403,
                "provider_refused",
            ),
            "retired": expected_failure(
                error_response(400, "invalid_value", "No such model.", "model"),
                400,
                "invalid_value",
            ),
            "rate_limited": expected_failure(
                error_response(429, "rate_limit_exceeded", "slower"), *RATE_LIMIT_ERROR
            ),
            "rate_limited_with_hint": with_expected_calls(
                expected_failure(
                    error_response(429, "rate_limit_exceeded", "slower", headers=retry_headers),
                    *RATE_LIMIT_ERROR,
                )
            ),
            "slow_down": expected_failure(
                error_response(429, "slow_down", "too fast"), 429, "slow_down"
            ),
            "overloaded": with_expected_calls(
                expected_failure(
                    error_response(503, "server_is_overloaded", "later"), 502, "provider_overloaded"
                )
            ),
            "error_of_odd_types": expected_failure(
                error_response(400, 123, ["no", {}], ["a"]), 400, "provider_refused"
            ),
            "error_in_a_sentence": expected_failure(
                json_response({"error": "no"}, 400), 400, "provider_refused"
            ),
            **{f"quota_{code}": quota_failure(code) for code in QUOTA_CODES},
            "moderated_input": moderation_failure(
                "no", moderation_details=moderation_stage("input")
            ),
            "moderated_output": moderation_failure(
                "unknown", moderation_details=moderation_stage("output")
            ),
            "moderated_plain": moderation_failure("unknown"),
            "moderated_dall_e": expected_failure(
                error_response(400, "content_policy_violation", REJECTED_MESSAGE), *MODERATION_ERROR
            ),
        }


def quota_failure(code):
    response = error_response(
        429, code, "no money", type="insufficient_quota", headers={"retry-after": "1"}
    )
    return expected_failure(response, 429, code)


def moderation_stage(name):
    return {"moderation_stage": name, "categories": ["violence"]}


def moderation_failure(billed, **more):
    response = error_response(400, "moderation_blocked", REJECTED_MESSAGE, **more)
    return expected_failure(response, 400, "moderation_blocked", billed)
