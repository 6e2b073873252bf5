"""OpenAI: multipart, or JSON with references, where alone `moderation` may stand."""

from typing import ClassVar

from tests.contract.standin import repeated
from tests.contract.standins._gpt_image import GptImage
from tests.contract.standins._gpt_image_rules import (
    BLOCKED,
    LIMITED,
    OPERATOR,
    QUALITIES,
    Rules,
    error,
    fails,
    one_of,
    refuse,
    shared_failures,
    text,
)
from tests.support.upstream import as_json

FIRST = Rules(fidelities=("low", "high"))
SECOND = Rules(sizes=("auto",), free=True)
FINER = Rules(sizes=("auto",), free=True, qualities=(*QUALITIES, "xhigh", "max"))
LATEST = Rules(
    sizes=("auto",),
    free=True,
    qualities=(*QUALITIES, "xhigh", "max"),
    complexities=("low", "medium", "high"),
)
QUOTAS = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_usage_limit_exceeded",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
)
REJECTED = "Your request was rejected by the safety system."


class OpenAI(GptImage):
    slug = "openai"
    models: ClassVar = {
        "gpt-image-2.6-sunburst": LATEST,
        "gpt-image-2.6-flare": LATEST,
        "gpt-image-2.5-sunburst": FINER,
        "gpt-image-2.5-sunburst-2026-09-08": FINER,
        "gpt-image-2.5-flare": FINER,
        "gpt-image-2.5-flare-2026-09-08": FINER,
        "gpt-image-2": SECOND,
        "gpt-image-2-2026-04-21": SECOND,
        "gpt-image-1.5": FIRST,
        "gpt-image-1.5-2025-12-16": FIRST,
        "chatgpt-image-latest": FIRST,
        "gpt-image-1-mini": Rules(fidelities=("low",)),
    }

    def env(self):
        return {"OPENAI_API_KEY": self.key, "OPENAI_BASE_URL": f"{self.url}/v1"}

    def admit(self, received):
        if received.headers.get("authorization") != f"Bearer {self.key}":
            refuse(401, "invalid_api_key", "Incorrect API key provided.")
        where = (received.method, received.path, received.query)
        if where == ("GET", "/v1/models", {}):
            return ""
        if where != ("POST", "/v1/images/edits", {}):
            refuse(404, "unknown_url", f"Unknown request URL: {received.path}")
        fields = received.fields if received.parts else received.json()
        if fields.get("model") not in self.models:
            refuse(400, "invalid_value", "The model does not exist.", "model")
        if received.parts and "moderation" in fields:
            refuse(400, "unknown_parameter", "Unknown parameter: 'moderation'.", "moderation")
        return fields["model"]

    def fields(self, rules):
        own = {
            **super().fields(rules),
            "model": text(100),
            "safety_identifier": text(512),
            "moderation": one_of("auto", "low"),  # of the JSON form: see admit
        }
        if rules.complexities:
            own["complexity"] = one_of(*rules.complexities)
        return own

    def failures(self):
        hint = {"retry-after-ms": "1500", "retry-after": "60"}
        return {
            **shared_failures(),
            "bad_key": fails(error(401, "invalid_api_key", f"Incorrect API key: {self.key}."), *OPERATOR),
            "forbidden": fails(error(403, None, "Your organization must be verified."), 403, "provider_refused"),
            "retired": fails(error(400, "invalid_value", "No such model.", "model"), 400, "invalid_value"),
            "rate_limited": fails(error(429, "rate_limit_exceeded", "slower"), *LIMITED),
            "rate_limited_with_hint": repeated(
                fails(error(429, "rate_limit_exceeded", "slower", headers=hint), *LIMITED)
            ),
            "slow_down": fails(error(429, "slow_down", "too fast"), 429, "slow_down"),
            "overloaded": repeated(fails(error(503, "server_is_overloaded", "later"), 502, "provider_overloaded")),
            "error_of_odd_types": fails(error(400, 123, ["no", {}], ["a"]), 400, "provider_refused"),
            "error_in_a_sentence": fails(as_json({"error": "no"}, 400), 400, "provider_refused"),
            **{f"quota_{code}": quota(code) for code in QUOTAS},
            "moderated_input": moderated("no", moderation_details=stage("input")),
            "moderated_output": moderated("unknown", moderation_details=stage("output")),
            "moderated_plain": moderated("unknown"),
            "moderated_dall_e": fails(error(400, "content_policy_violation", REJECTED), *BLOCKED),
        }  # fmt: skip


def quota(code):
    answer = error(429, code, "no money", type="insufficient_quota", headers={"retry-after": "1"})
    return fails(answer, 429, code)


def stage(name):
    return {"moderation_stage": name, "categories": ["violence"]}


def moderated(billed, **more):
    answer = error(400, "moderation_blocked", REJECTED, **more)
    return fails(answer, 400, "moderation_blocked", billed)
