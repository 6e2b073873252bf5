"""Conversion of a provider's error response into a Fault.

The adapters parse the response. The two tables in this module choose the error class.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from retouch.core.capabilities import ErrorKind, ParsedError, Provider
from retouch.core.errors import (
    Billed,
    DeadlineExceeded,
    Fault,
    GatewayMisconfigured,
    ModelNotFound,
    Moderated,
    OutOfQuota,
    RateLimited,
    RejectedByProvider,
    Unauthorized,
    UpstreamError,
)
from retouch.core.provider_protocol import ProviderResponse
from retouch.core.resolved_model import ResolvedModel
from retouch.core.text.error_text import decode_text, error_message, page_sentence
from retouch.core.text.event_stream import is_event_stream

FAULTS_BY_KIND: dict[ErrorKind, type[Fault]] = {
    "moderated": Moderated,
    "out_of_quota": OutOfQuota,
    "suspended": GatewayMisconfigured,
    "refused": RejectedByProvider,
    "rate_limited": RateLimited,
    "failed": UpstreamError,
    "no_such_model": ModelNotFound,
}
FAULTS_BY_STATUS: dict[int, type[Fault]] = {
    402: OutOfQuota,
    408: DeadlineExceeded,
    424: UpstreamError,  # the provider's own upstream failed
    429: RateLimited,
    # A proxy thinks that its client has left. The edit may go on.
    460: DeadlineExceeded,
    499: DeadlineExceeded,
    504: DeadlineExceeded,
}
# The kinds of errors that say nothing about other edits.
_EDIT_KINDS: tuple[ErrorKind, ...] = ("failed", "undetermined")
NO_IMAGE_REMEDY = "Another edit is billed again. Use another model if this repeats."
# The statuses of accounts that cannot pay. A 400 is left out, because its words may be the caller's own.
_MONEY_STATUSES = (402, 403, 406, 412, 429)
_MONEY_WORDS = (
    r"\b(insufficient|not enough|no|lacks? sufficient|out of|exhausted your|used all your) "
    r"(available |account |prepaid )?(credits?|balance|funds)\b"
    r"|\b(credits?|balance|funds)( (is|are|has been|have been))? (too low|insufficient|depleted|exhausted|used up)\b"
    r"|\bdoes not have enough (balance|credits?)\b"
    r"|\bspend(ing)? (cap|limit)\b"
    r"|\b(unpaid|past due|overdue)\b|\bfailure to pay\b"
    r"|\bpayment[ _]instrument\b|\bpayment method\b"
    r"|\bbilling (is |must be |to be |has been )?(not active|inactive|disabled|enabled|hard limit)\b"
)
_MAX_MESSAGE_CHARS = 1000
MAX_RETRY_AFTER = 31_536_000.0  # seconds; a longer wait is an error of the response
# what parsing raises when a body has an unknown form
MALFORMED_RESPONSE_ERRORS = (
    ValueError,
    AttributeError,
    KeyError,
    TypeError,
    IndexError,
    OverflowError,  # a date whose year no computer counts
)


def parsed_error(provider: Provider, response: ProviderResponse) -> ParsedError:
    """Return the provider's error from a response in any charset.

    When the body has a form that the adapter does not know, the ParsedError has only its sentence. It is empty for
    binary data and for a truncated JSON body.
    """
    text = decode_text(response.body, response.headers.get("content-type", ""))
    readable = replace(response, body=text.encode())
    try:
        error = provider.parse_error(readable)
    except MALFORMED_RESPONSE_ERRORS:
        error = ParsedError()
    if not error.message:
        error = replace(error, message=_sentence(provider, readable, text))
    return replace(error, kind="out_of_quota") if _is_unpaid(response.status, error) else error


def _is_unpaid(status: int, error: ParsedError) -> bool:
    """Return whether the words of an error of any provider, or of a proxy before it, say that money is missing."""
    is_unclear = error.kind in ("", "rate_limited", "auth", "suspended", "no_such_model")
    if not is_unclear or status not in _MONEY_STATUSES:
        return False
    # `re` keeps the compiled pattern. Most processes see no such error, so none compiles it at its start.
    return bool(re.search(_MONEY_WORDS, error.message, re.IGNORECASE))


def _sentence(provider: Provider, response: ProviderResponse, text: str) -> str:
    """Return the sentence in a body of any form, or "". The words of an HTML page follow the status."""
    start = text.lstrip()[:1]
    if start == "<":
        sentence = page_sentence(text)
        return f"{provider.title} responded with {response.status}: {sentence}" if sentence else ""
    try:
        return error_message(response.json())
    except ValueError:
        is_damaged = start in ("{", "[") or is_event_stream(response.body)
    return "" if is_damaged else page_sentence(text)


def fault_from_response(resolved: ResolvedModel, response: ProviderResponse) -> Fault:
    """Return the Fault for a response without a success status."""
    return to_fault(resolved, response, parsed_error(resolved.provider, response))


def to_fault(resolved: ResolvedModel, response: ProviderResponse, error: ParsedError) -> Fault:
    """Return the Fault for a parsed error. `response` provides the status and the headers.

    It is no outage when the request may have caused it: the adapter says so, or the status is from 400 to 499.
    """
    fault = _classify_error(resolved, response, error).with_upstream_status(response.status)
    may_be_caused_by_request = error.kind in _EDIT_KINDS or 400 <= response.status < 500
    return fault.without_outage() if may_be_caused_by_request else fault


def _classify_error(
    resolved: ResolvedModel, response: ProviderResponse, error: ParsedError
) -> Fault:
    if error.kind == "auth" or (not error.kind and response.status == 401):
        return _auth_fault(resolved, error)
    if error.kind == "not_started":
        return UpstreamError(
            _add_provider_words(
                f"{resolved.provider.title} is overloaded and did not start the edit.",
                resolved,
                error,
            ),
            code="provider_overloaded",
            billed="no",
            retry_after=retry_after_of(error, response),
        )
    fault_class = (
        FAULTS_BY_KIND.get(error.kind)
        or FAULTS_BY_STATUS.get(response.status)
        or _fault_class_for_status(response.status)
    )
    if fault_class is GatewayMisconfigured and resolved.is_client_key:
        fault_class = RejectedByProvider  # the account is the caller's own
    error = redact_key(error, resolved.key)
    return fault_class(
        clean_message(error.message)
        or f"{resolved.provider.title} responded with {response.status}.",
        param=error.param,
        code=error.code if issubclass(fault_class, RejectedByProvider | RateLimited) else None,
        status=response.status
        if fault_class is RejectedByProvider and response.status >= 400
        else None,
        billed=error.billed or _moderation_billing(fault_class, error),
        retry_after=None if fault_class.retryable is False else retry_after_of(error, response),
        details=error.details if fault_class is Moderated else None,
    )


def retry_after_of(error: ParsedError, response: ProviderResponse) -> float | None:
    """Return the seconds to wait before a retry, from the parsed error or the headers. None: the provider sent none."""
    return parse_retry_after(response.headers) if error.retry_after is None else error.retry_after


def _fault_class_for_status(status: int) -> type[Fault]:
    return RejectedByProvider if 400 <= status < 500 else UpstreamError


def _moderation_billing(fault_class: type[Fault], error: ParsedError) -> Billed | None:
    # Only moderation of the input is certain to come before the billed generation.
    stage = error.details.get("moderation_details", {}).get("moderation_stage")
    return "no" if fault_class is Moderated and stage == "input" else None


def _add_provider_words(sentence: str, resolved: ResolvedModel, error: ParsedError) -> str:
    """Return a sentence of the gateway, followed by the words of the provider if there are any."""
    words = clean_message(redact_key(error, resolved.key).message)
    return f"{sentence} {resolved.provider.title} said: {words}" if words else sentence


def _auth_fault(resolved: ResolvedModel, error: ParsedError) -> Fault:
    """Return the Fault for a rejected key. Only the owner of the key gets the words: they may name the account."""
    title = resolved.provider.title
    if resolved.is_client_key:
        sentence = f"{title} did not accept the API key of this request."
        return Unauthorized(_add_provider_words(sentence, resolved, error))
    return GatewayMisconfigured(
        f"{title} did not accept the gateway's API key. Tell the gateway's operator."
    )


def redact_key(error: ParsedError, key: str | None) -> ParsedError:
    """Return the error without the key, which the provider may have echoed in any field."""
    return (
        ParsedError(*_remove_key(key, [getattr(error, f.name) for f in fields(error)]))
        if key
        else error
    )


def _remove_key(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(key, "[key]")
    if isinstance(value, Mapping):
        return {_remove_key(key, k): _remove_key(key, v) for k, v in value.items()}
    return [_remove_key(key, v) for v in value] if isinstance(value, list | tuple) else value


def clean_message(message: str) -> str:
    """Return a provider's message for callers: no nested JSON, no control characters, at most 1000 characters."""
    text = _unwrap_json_message(message.strip())
    return "".join(c if c.isprintable() else " " for c in text)[:_MAX_MESSAGE_CHARS]


def _unwrap_json_message(text: str) -> str:
    if not text.startswith("{"):
        return text
    try:
        document = orjson.loads(text)
        return str((document.get("error") or document).get("message") or "")
    except MALFORMED_RESPONSE_ERRORS:
        return ""


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait, or None.

    Azure and OpenAI send a header in milliseconds. The standard Retry-After header has seconds or a date. At most
    MAX_RETRY_AFTER is returned.
    """
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        milliseconds = _parse_number(headers.get(name, ""))
        if milliseconds is not None:
            return min(milliseconds / 1000, MAX_RETRY_AFTER)
    value = headers.get("retry-after", "")
    seconds = _parse_number(value)
    if seconds is None:
        seconds = _seconds_until(value, headers.get("date", ""))
    return None if seconds is None else min(max(0.0, seconds), MAX_RETRY_AFTER)


def _parse_number(text: str) -> float | None:
    """Return a number of at least 0 that is written in digits, or None. Fractions are accepted."""
    digits = text.strip()
    return float(digits) if digits.isascii() and digits.replace(".", "", 1).isdigit() else None


def _seconds_until(date: str, response_date: str) -> float | None:
    """Return the seconds from the date of the response, or else from now, to the date. None: it is no date."""
    try:
        until = _parse_date(date)
    except MALFORMED_RESPONSE_ERRORS:
        return None
    try:
        now = _parse_date(response_date)
    except MALFORMED_RESPONSE_ERRORS:
        now = datetime.now(UTC)
    return (until - now).total_seconds()


def _parse_date(text: str) -> datetime:
    """Return the date of a header. A date without a zone is in UTC. Raises ValueError for any other text."""
    from email.utils import parsedate_to_datetime  # 6 ms, and few responses have a date to read

    date = parsedate_to_datetime(text)
    return date if date.tzinfo else date.replace(tzinfo=UTC)
