"""Tests of failures of Gemini: errors, moderation, and every kind of 200 without an image."""

import pytest

from retouch.core.provider_protocol import ProviderResponse
from retouch.providers.google import PROVIDER
from tests.contract.standins._google_failures import (
    error_info,
    error_response,
    finished_response,
    quota_response,
)
from tests.contract.standins.google import GeminiStandIn
from tests.support.google import USAGE, adapter_outcome, google_edit, json_body
from tests.support.upstream import json_response


@pytest.mark.parametrize(
    "reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "JAILBREAK"]
)
def test_block_reason_becomes_unbilled_input_moderation(reason):
    parsed = adapter_outcome({"promptFeedback": {"blockReason": reason}, "usageMetadata": USAGE})
    assert (parsed.kind, parsed.billed) == ("moderated", "no")
    assert parsed.details["moderation_details"] == {
        "moderation_stage": "input",
        "categories": [reason.lower().replace("_", " ")],
    }


@pytest.mark.parametrize(
    "reason",
    [
        *("SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION", "ESCALATION"),
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
        *("PUP_LIMITED_DISABLED", "MODEL_ARMOR"),
    ],
)
def test_blocking_finish_reason_becomes_output_moderation(reason):
    parsed = adapter_outcome(json_body(finished_response(reason)))
    assert (parsed.kind, parsed.billed) == ("moderated", "unknown")
    assert parsed.details["moderation_details"]["moderation_stage"] == "output"


@pytest.mark.parametrize(
    ("also", "stage", "categories"),
    [
        ({"finishMessage": "Blocked. Support code: 42876398."}, "input", ["other"]),
        ({"finishMessage": "Support codes: 56562880, 43188360"}, "output", ["violence", "sexual"]),
        ({"finishMessage": "Support codes: 90789179, 63429089"}, "output", ["sexual"]),
        ({"finishMessage": "Support code: 11111111"}, "output", ["safety"]),
        (
            {
                "safetyRatings": [
                    {"category": "HARM_CATEGORY_HATE_SPEECH", "blocked": True},
                    {"category": "HARM_CATEGORY_HARASSMENT"},
                ]
            },
            "output",
            ["hate speech"],
        ),
    ],
)
def test_support_codes_set_moderation_stage_and_categories(also, stage, categories):
    parsed = adapter_outcome(json_body(finished_response("SAFETY", **also)))
    assert parsed.billed == "unknown"
    assert parsed.details["moderation_details"] == {
        "moderation_stage": stage,
        "categories": categories,
    }


@pytest.mark.parametrize(
    "reason", ["NO_IMAGE", "IMAGE_OTHER", "OTHER", "MALFORMED_RESPONSE", "MAX_TOKENS", "NEW"]
)
def test_any_finish_reason_without_image_is_refusal_with_words_of_google_and_model(reason):
    candidate = {"finishMessage": "Unable to process it."}
    parsed = adapter_outcome(
        json_body(finished_response(reason, [{"text": "I will"}], **candidate))
    )
    assert (parsed.kind, parsed.billed) == ("refused", "unknown")
    for words in (reason, "Unable to process it.", "The model said: I will"):
        assert words in parsed.message


def test_blocked_result_has_words_of_google_and_model():
    response = finished_response("IMAGE_SAFETY", [{"text": "No."}], finishMessage="Blocked.")
    parsed = adapter_outcome(json_body(response))
    assert (parsed.kind, parsed.message) == ("moderated", "Blocked. The model said: No.")


def test_text_response_without_image_returns_provider_refused(gemini):
    gemini.fail_with(gemini.failures()["in_words"])
    response = google_edit(gemini)
    assert response.status == 400
    assert "I can't remove watermarks." in response.json["error"]["message"]
    assert response.json["error"]["code"] == "provider_refused"


def test_stop_without_image_and_words_is_refusal_with_remedy():
    parsed = adapter_outcome(json_body(finished_response("STOP")))
    assert parsed.kind == "refused"
    assert "Change the prompt or the image." in parsed.message


@pytest.mark.parametrize("nothing", [{}, {"candidates": []}, {"promptFeedback": {}}])
def test_empty_response_yields_no_images(nothing):
    assert adapter_outcome(nothing) == []


@pytest.mark.parametrize(
    ("response", "kind", "retry_after"),
    [
        (error_response(400, "INVALID_ARGUMENT", "m", error_info("API_KEY_INVALID")), "auth", None),
        (
            error_response(403, "PERMISSION_DENIED", "m", error_info("API_KEY_SERVICE_BLOCKED")),
            "auth",
            None,
        ),
        (error_response(403, "PERMISSION_DENIED", "m"), "auth", None),
        (
            error_response(403, "PERMISSION_DENIED", "m", error_info("SERVICE_DISABLED")),
            "suspended",
            None,
        ),
        (
            error_response(403, "PERMISSION_DENIED", "m", error_info("BILLING_DISABLED")),
            "out_of_quota",
            None,
        ),
        (error_response(400, "FAILED_PRECONDITION", "m"), "suspended", None),
        (error_response(400, "INVALID_ARGUMENT", "m"), "", None),
        (error_response(401, "UNAUTHENTICATED", "m"), "auth", None),
        (error_response(402, "RESOURCE_EXHAUSTED", "m"), "out_of_quota", None),
        (error_response(404, "NOT_FOUND", "m"), "no_such_model", None),
        (error_response(429, "RESOURCE_EXHAUSTED", "m"), "rate_limited", None),
        (
            quota_response("GenerateRequestsPerMinutePerProjectPerModel", "18s"),
            "rate_limited",
            18.0,
        ),
        (
            quota_response("GenerateRequestsPerMinutePerProjectPerModel", "0.5s"),
            "rate_limited",
            0.5,
        ),
        (
            quota_response("GenerateRequestsPerMinutePerProjectPerModel", "soon"),
            "rate_limited",
            None,
        ),
        (quota_response("GenerateRequestsPerDayPerProjectPerModel", "9s"), "out_of_quota", 9.0),
        (quota_response("RequestsPerMinutePerProject-FreeTier", "9s"), "out_of_quota", 9.0),
        (error_response(500, "INTERNAL", "m"), "undetermined", None),
        (json_response([{"error": {"code": 402, "message": "m"}}], 402), "out_of_quota", None),
    ],
)
def test_error_response_yields_kind_and_retry_after(response, kind, retry_after):
    parsed = PROVIDER.parse_error(ProviderResponse(response.status, {}, response.body))
    assert (parsed.kind, parsed.retry_after) == (kind, retry_after)
    assert parsed.message in ("m", "Quota exceeded.")


@pytest.mark.parametrize(("status", "billed"), [(500, "no"), (503, "no"), (504, None), (400, None)])
def test_status_500_or_503_is_not_billed(status, billed):
    assert (
        PROVIDER.parse_error(
            ProviderResponse(status, {}, error_response(status, "X", "m").body)
        ).billed
        == billed
    )


@pytest.mark.parametrize("name", sorted(GeminiStandIn().failures()))
def test_provider_failure_maps_to_promised_status_code_and_billing(gemini, name):
    failure = gemini.failures()[name]
    gemini.fail_with(failure)
    response = google_edit(gemini)
    assert (response.status, response.json["error"]["code"]) == (failure.status, failure.code)
    assert response.headers["x-retouch-billed"] == failure.billed
    assert len(gemini.calls) == 1
