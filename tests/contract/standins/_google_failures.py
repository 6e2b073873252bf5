"""Responses of the Gemini API without an image: errors, refusals and moderation."""

from tests.contract.standin import Failure
from tests.support.upstream import json_response

USAGE = {
    "promptTokenCount": 1130,
    "promptTokensDetails": [
        {"modality": "IMAGE", "tokenCount": 1120},
        {"modality": "TEXT", "tokenCount": 10},
    ],
    "candidatesTokenCount": 1120,
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
    "thoughtsTokenCount": 180,
    "totalTokenCount": 2430,
}
TYPE_PREFIX = "type.googleapis.com/google.rpc."


def imageless_failures():
    """Return the failures that have status 200 and no image."""
    moderation_error = (400, "moderation_blocked")
    refusal = (400, "provider_refused", "unknown")
    return {
        "moderated_input": Failure(
            [json_response({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})],
            *moderation_error,
            "no",
        ),
        "moderated_output": Failure(
            [
                finished_response(
                    "IMAGE_PROHIBITED_CONTENT", finishMessage="Blocked. Support code: 72817394"
                )
            ],
            *moderation_error,
            "unknown",
        ),
        "moderated_empty_picture": Failure(
            [
                finished_response(
                    "IMAGE_SAFETY", [{"inlineData": {"mimeType": "image/png", "data": ""}}]
                )
            ],
            *moderation_error,
            "unknown",
        ),
        "moderated_odd_ratings": Failure(
            [
                finished_response(
                    "IMAGE_SAFETY", safetyRatings=[None, {"blocked": True, "category": 7}]
                )
            ],
            *moderation_error,
            "unknown",
        ),
        "text_for_a_picture": Failure(
            [
                finished_response(
                    "STOP", [{"inlineData": {"mimeType": "text/plain", "data": "c29ycnk="}}]
                )
            ],
            *refusal,
        ),
        "moderated_recitation": Failure(
            [finished_response("IMAGE_RECITATION")], *moderation_error, "unknown"
        ),
        "no_image": Failure([finished_response("NO_IMAGE")], *refusal),
        "other": Failure([finished_response("IMAGE_OTHER")], *refusal),
        "truncated": Failure([finished_response("MAX_TOKENS", [{"text": "I will"}])], *refusal),
        "in_words": Failure(
            [finished_response("STOP", [{"text": "I can't remove watermarks."}])], *refusal
        ),
        "without_words": Failure([finished_response("STOP")], *refusal),
        "damaged_picture": Failure(
            [
                finished_response(
                    "STOP", [{"inlineData": {"mimeType": "image/png", "data": "c29ycnk="}}]
                )
            ],
            502,
            "no_image_returned",
            "unknown",
        ),
    }


def finished_response(reason, parts=None, **candidate_fields):
    content = {"role": "model", **({"parts": parts} if parts else {})}
    candidate = {"index": 0, "content": content, "finishReason": reason, **candidate_fields}
    return json_response({"candidates": [candidate], "usageMetadata": USAGE})


def error_info(reason):
    return {"@type": f"{TYPE_PREFIX}ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def error_response(status, name, message, *details):
    body = {"code": status, "message": message, "status": name}
    return json_response(
        {"error": {**body, **({"details": list(details)} if details else {})}}, status
    )


def bad_key_response():
    message = "API key not valid. Please pass a valid API key."
    return error_response(400, "INVALID_ARGUMENT", message, error_info("API_KEY_INVALID"))


def quota_response(quota, delay):
    return error_response(
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded.",
        {"@type": f"{TYPE_PREFIX}QuotaFailure", "violations": [{"quotaId": quota}]},
        {"@type": f"{TYPE_PREFIX}RetryInfo", "retryDelay": delay},
    )
