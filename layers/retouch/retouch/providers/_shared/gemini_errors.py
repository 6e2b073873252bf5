"""Google's refusals and errors: a 200 without an image, and the error object. Both hosts share this module.

Facts from google-genai 3.4.0 and Google's pages as of 2026-11. A blocked request is not billed as far as is known. A
request that was blocked after thinking or image generation may be billed. Some prompts and images end without an image
(NO_IMAGE, IMAGE_OTHER, MAX_TOKENS ...), or with a 500 or 504, each time they are sent. None of this says that the
service is down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from retouch.core.capabilities import ErrorKind, ParsedError
from retouch.core.provider_protocol import ProviderResponse
from retouch.core.text.error_text import error_message
from retouch.providers._shared.response_parsing import (
    count_or_none,
    list_or_empty,
    mapping_or_empty,
    text_or_empty,
)

BLOCKING_FINISH_REASONS = frozenset(
    (
        "SAFETY",
        "PROHIBITED_CONTENT",
        "BLOCKLIST",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "RECITATION",
        "IMAGE_RECITATION",
        "ESCALATION",
        "PUP_LIMITED_DISABLED",
        "MODEL_ARMOR",
    )
)
# Google's support codes (Agent Platform, responsible AI). Each code means a category and a stage.
SUPPORT_CODES: Mapping[str, tuple[str, str]] = {
    "58061214": ("child", "input"),
    "17301594": ("child", "output"),
    "29310472": ("celebrity", "input"),
    "15236754": ("celebrity", "output"),
    "62263041": ("dangerous", "input"),
    "57734940": ("hate", "input"),
    "22137204": ("hate", "output"),
    "42876398": ("other", "input"),
    "29578790": ("other", "output"),
    "74803281": ("other", "output"),
    "39322892": ("people", "output"),
    "92201652": ("personal information", "input"),
    "89371032": ("prohibited", "input"),
    "49114662": ("prohibited", "output"),
    "72817394": ("prohibited", "output"),
    "90789179": ("sexual", "input"),
    "63429089": ("sexual", "output"),
    "43188360": ("sexual", "output"),
    "78610348": ("toxic", "input"),
    "61493863": ("violence", "input"),
    "56562880": ("violence", "output"),
}
_SUPPORT_CODES_PATTERN = re.compile(r"Support codes?: ([\d, ]+)")
_ZERO_LIMIT_PATTERN = re.compile(r"\blimit: 0(?![.\d])")
_LONG_QUOTAS = ("PerDay", "PerMonth", "FreeTier")  # parts of quota ids
_DELAY_PATTERN = re.compile(r"([0-9]{1,9}(?:\.[0-9]+)?)s", re.ASCII)
# Reasons of google.rpc.ErrorInfo that say more than the HTTP status.
_KIND_BY_REASON: Mapping[str, ErrorKind] = {
    "BILLING_DISABLED": "out_of_quota",
    "SERVICE_DISABLED": "suspended",
    "CONSUMER_INVALID": "suspended",
    "CONSUMER_SUSPENDED": "suspended",
    "USER_PROJECT_DENIED": "suspended",
}
_KIND_BY_STATUS: Mapping[int, ErrorKind] = {
    401: "auth",
    402: "out_of_quota",
    403: "auth",
    404: "no_such_model",
    500: "undetermined",
    504: "undetermined",
}


def missing_image_error(
    feedback: Mapping[str, Any], candidate: Mapping[str, Any], model_text: str
) -> ParsedError:
    """Return the error for a 200 without an image.

    The cause is a blocked input, a blocked output, or a model that made no image. The error has Google's words and the
    model's.
    """
    block_reason, finish_reason = (
        text_or_empty(feedback.get("blockReason")),
        text_or_empty(candidate.get("finishReason")),
    )
    if block_reason:
        message = (
            text_or_empty(feedback.get("blockReasonMessage"))
            or f"Google blocked the request ({block_reason})."
        )
        details = _moderation_details(message, "input", block_reason, feedback.get("safetyRatings"))
        return ParsedError("moderated", message, details=details, billed="no")
    finish_message = text_or_empty(candidate.get("finishMessage"))
    if finish_reason in BLOCKING_FINISH_REASONS:
        reason_text = finish_message or f"Google blocked the result ({finish_reason})."
        message = " ".join(filter(None, (reason_text, _quote_model(model_text))))
        ratings = candidate.get("safetyRatings")
        details = _moderation_details(message, "output", finish_reason, ratings)
        return ParsedError("moderated", message, details=details, billed="unknown")
    return ParsedError(
        "refused", _refusal_message(finish_reason, finish_message, model_text), billed="unknown"
    )


def _refusal_message(finish_reason: str, finish_message: str, model_text: str) -> str:
    """Return what Google and the model said, or a remedy when neither said anything."""
    if finish_reason == "STOP" and model_text and not finish_message:
        return f"The model responded with text instead of an image: {model_text}"
    remedy = "" if finish_message or model_text else "Change the prompt or the image."
    sentences = (
        f"The model ended without an image ({finish_reason or 'no reason given'}).",
        finish_message,
        _quote_model(model_text),
        remedy,
    )
    return " ".join(filter(None, sentences))


def _quote_model(model_text: str) -> str:
    return f"The model said: {model_text}" if model_text else ""


def _moderation_details(message: str, stage: str, reason: str, ratings: Any) -> dict[str, Any]:
    """Return the moderation details.

    The categories come from the support codes, the most exact source. Without support codes they come from the ratings
    that blocked, and without those from the reason. The stage is that of the support codes when they all agree.
    """
    code_meanings = [SUPPORT_CODES[c] for c in _find_support_codes(message) if c in SUPPORT_CODES]
    blocked_ratings = [
        text_or_empty(r.get("category"))
        for r in map(mapping_or_empty, list_or_empty(ratings))
        if r.get("blocked")
    ]
    rating_categories = [
        category.removeprefix("HARM_CATEGORY_") for category in blocked_ratings if category
    ]
    category_names = [category for category, _ in code_meanings] or rating_categories or [reason]
    categories = list(dict.fromkeys(c.lower().replace("_", " ") for c in category_names))
    stages = {where for _, where in code_meanings}
    final_stage = stages.pop() if len(stages) == 1 else stage
    return {"moderation_details": {"moderation_stage": final_stage, "categories": categories}}


def _find_support_codes(message: str) -> list[str]:
    match = _SUPPORT_CODES_PATTERN.search(message)
    return re.findall(r"\d+", match[1]) if match else []


def parse_google_error(response: ProviderResponse) -> ParsedError:
    """Return the error in Google's error object, which sometimes comes in a list.

    Google responds to a wrong key with 400 and to an account without credit with 402.
    """
    payload = response.json()
    error_value = (payload[0] if isinstance(payload, list) else payload)["error"]
    error, message = mapping_or_empty(error_value), error_message(error_value)
    details = list(map(mapping_or_empty, list_or_empty(error.get("details"))))
    # A proxy may send the error with a success status. Its own number then says more.
    status = response.status if response.status >= 400 else count_or_none(error.get("code")) or 200
    kind = _error_kind(status, error.get("status"), message, details)
    if not kind and response.status < 400 <= status < 500:
        kind = "refused"
    param = "model" if kind == "no_such_model" else None
    return ParsedError(kind, message, param=param, retry_after=_retry_delay(details))


def _error_kind(
    status: int, status_name: Any, message: str, details: list[Mapping[str, Any]]
) -> ErrorKind:
    reasons = [str(d["reason"]) for d in details if d.get("reason")]
    if any(r.startswith(("API_KEY_", "ACCESS_TOKEN_", "CREDENTIALS_")) for r in reasons):
        return "auth"
    for reason in reasons:
        if reason in _KIND_BY_REASON:
            return _KIND_BY_REASON[reason]
    if status == 400 and status_name == "FAILED_PRECONDITION":
        # The region or the account's billing is the cause, so every request fails.
        return "out_of_quota" if "billing" in message.lower() else "suspended"
    if status == 429:
        is_exhausted = _is_quota_exhausted(details) or _ZERO_LIMIT_PATTERN.search(message)
        return "out_of_quota" if is_exhausted else "rate_limited"
    return _KIND_BY_STATUS.get(status, "")


def _is_quota_exhausted(details: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether a retry cannot help.

    It cannot help when the quota of a day or a month is used up, when the quota is 0, or on the free tier, which has no
    image models at all.
    """
    violations = [
        v for d in details for v in map(mapping_or_empty, list_or_empty(d.get("violations")))
    ]
    quotas = [str(violation.get("quotaId")) for violation in violations]
    is_zero = any(_is_zero(violation.get("quotaValue")) for violation in violations)
    return is_zero or any(part in quota for quota in quotas for part in _LONG_QUOTAS)


def _is_zero(value: Any) -> bool:
    """Return whether a quota is 0. Google writes its 64-bit numbers as text."""
    try:
        return not isinstance(value, bool) and float(value) == 0
    except (TypeError, ValueError):
        return False


def _retry_delay(details: Iterable[Mapping[str, Any]]) -> float | None:
    """Return the seconds in google.rpc.RetryInfo (e.g. 18.0 for "18s"), or None."""
    for detail in details:
        match = _DELAY_PATTERN.fullmatch(str(detail.get("retryDelay")))
        if match:
            return float(match[1])
    return None
