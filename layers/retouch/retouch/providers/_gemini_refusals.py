"""How Google says no: in a 200 without a picture, and in its error object. Shared by the two hosts.

Facts from google-genai 3.4.0 and Google's pages as of 2026-11. A blocked request is not billed as far as is known;
what was blocked after thinking or drawing may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from retouch.cards import Kind, Told
from retouch.messages import Reply
from retouch.providers._answers import listed, mapping, text, words

BLOCKS = frozenset(
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
# Google's support codes (Agent Platform, responsible AI): what was found, and where.
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
_CODES = re.compile(r"Support codes?: ([\d, ]+)")
_DELAY = re.compile(r"([0-9]{1,9}(?:\.[0-9]+)?)s", re.ASCII)
# Reasons of google.rpc.ErrorInfo that the status does not tell.
_REASONS: Mapping[str, Kind] = {
    "BILLING_DISABLED": "out_of_quota",
    "SERVICE_DISABLED": "suspended",
    "CONSUMER_INVALID": "suspended",
    "CONSUMER_SUSPENDED": "suspended",
    "USER_PROJECT_DENIED": "suspended",
}
_KINDS: Mapping[int, Kind] = {401: "auth", 402: "out_of_quota", 403: "auth", 404: "no_such_model"}


def told_without_picture(
    feedback: Mapping[str, Any], candidate: Mapping[str, Any], spoken: str
) -> Told:
    """Why a 200 holds no picture: the input was blocked, the output was, the model answered in words, or it broke."""
    block, end = text(feedback.get("blockReason")), text(candidate.get("finishReason"))
    if block:
        said = text(feedback.get("blockReasonMessage")) or f"Google blocked the request ({block})."
        details = _moderation(said, "input", block, feedback.get("safetyRatings"))
        return Told("moderated", said, details=details, billed="no")
    said = text(candidate.get("finishMessage")) or f"Google blocked the result ({end})."
    if end in BLOCKS:
        details = _moderation(said, "output", end, candidate.get("safetyRatings"))
        return Told("moderated", said, details=details, billed="unknown")
    if end == "STOP" and spoken:
        refusal = f"The model answered in words instead of a picture: {spoken}"
        return Told("refused", refusal, billed="unknown")
    return Told("", f"The model ended without a picture ({end or 'no reason given'}).")


def _moderation(said: str, stage: str, reason: str, ratings: Any) -> dict[str, Any]:
    """Support codes are the most exact, then the ratings that blocked, then the reason itself."""
    coded = [SUPPORT_CODES[c] for c in _support_codes(said) if c in SUPPORT_CODES]
    blocked = [text(r.get("category")) for r in map(mapping, listed(ratings)) if r.get("blocked")]
    rated = [category.removeprefix("HARM_CATEGORY_") for category in blocked if category]
    found = [category for category, _ in coded] or rated or [reason]
    categories = list(dict.fromkeys(c.lower().replace("_", " ") for c in found))
    stages = {where for _, where in coded}
    only = stages.pop() if len(stages) == 1 else stage
    return {"moderation_details": {"moderation_stage": only, "categories": categories}}


def _support_codes(said: str) -> list[str]:
    found = _CODES.search(said)
    return re.findall(r"\d+", found[1]) if found else []


def explain(reply: Reply) -> Told:
    """Google's error object, which now and then comes in a list. A wrong key is a 400 here, an empty purse a 402."""
    answer = reply.json()
    said = (answer[0] if isinstance(answer, list) else answer)["error"]
    error, message = mapping(said), words(said)
    details = list(map(mapping, listed(error.get("details"))))
    kind = _kind(reply.status, error.get("status"), details)
    param = "model" if kind == "no_such_model" else None
    return Told(kind, message, param=param, retry_after=_delay(details))


def _kind(status: int, name: Any, details: Iterable[Mapping[str, Any]]) -> Kind:
    reasons = [str(d["reason"]) for d in details if d.get("reason")]
    if any(r.startswith(("API_KEY_", "ACCESS_TOKEN_", "CREDENTIALS_")) for r in reasons):
        return "auth"
    for reason in reasons:
        if reason in _REASONS:
            return _REASONS[reason]
    if status == 400 and name == "FAILED_PRECONDITION":
        return "suspended"  # the region or the account's billing; no other request would do better
    if status == 429:
        return "out_of_quota" if _spent(details) else "rate_limited"
    return _KINDS.get(status, "")


def _spent(details: Iterable[Mapping[str, Any]]) -> bool:
    """Whether waiting is pointless: the day's quota, or the free tier's, which has no image models at all."""
    violations = (v for d in details for v in map(mapping, listed(d.get("violations"))))
    quotas = [str(violation.get("quotaId")) for violation in violations]
    return any("PerDay" in quota or "FreeTier" in quota for quota in quotas)


def _delay(details: Iterable[Mapping[str, Any]]) -> float | None:
    """Seconds from google.rpc.RetryInfo, e.g. "18s"."""
    for detail in details:
        found = _DELAY.fullmatch(str(detail.get("retryDelay")))
        if found:
            return float(found[1])
    return None
