"""Reads what a request says about its job besides the edit: `metadata`, `webhook` and the time to begin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from retouch.core.edit_types import FormText, ParsedForm
from retouch.core.errors import InvalidRequest
from retouch.core.parameters import IntParam

# OpenAI's limits of the metadata of an object.
_MAX_PAIRS, _MAX_KEY_CHARS, _MAX_VALUE_CHARS = 16, 64, 512
_MAX_WEBHOOK_CHARS = 2048
_WEBHOOK = re.compile(r"[!-~]+")
_PAIR_NAME = re.compile(r"metadata\[([^\[\]]+)\]")  # as OpenAI's SDKs write an object in a form
WEBHOOK_HEADER, DEADLINE_HEADER = "x-retouch-webhook", "x-retouch-deadline"
_DEADLINE_PARAM = IntParam(1, 86_400)


def read_metadata(form: ParsedForm) -> Mapping[str, str]:
    """Return the metadata of a job. Raises InvalidRequest for any other value than pairs of texts."""
    whole = form.values.get("metadata")
    pairs: Any = _json_value(whole) if isinstance(whole, FormText) else whole
    if pairs is None:
        pairs = {match[1]: value for match, value in _form_pairs(form)}
    is_valid = (
        isinstance(pairs, Mapping)
        and len(pairs) <= _MAX_PAIRS
        and all(
            _is_text(k, _MAX_KEY_CHARS) and _is_text(v, _MAX_VALUE_CHARS) for k, v in pairs.items()
        )
    )
    if not is_valid:
        raise InvalidRequest(
            f"'metadata' must be an object with at most {_MAX_PAIRS} pairs of strings: names of at most "
            f"{_MAX_KEY_CHARS} and values of at most {_MAX_VALUE_CHARS} characters.",
            param="metadata",
        )
    return {str(name): str(value) for name, value in pairs.items()}


def read_webhook(form: ParsedForm, headers: Mapping[str, str]) -> str:
    """Return the webhook of a job, or "". Raises InvalidRequest for a value that is neither an id nor a URL."""
    field, header = form.values.get("webhook"), headers.get(WEBHOOK_HEADER)
    if field is not None and header is not None:
        raise InvalidRequest(
            f"Send the field 'webhook' or the header {WEBHOOK_HEADER}, not both.", param="webhook"
        )
    value = header if field is None else field
    if value is None:
        return ""
    if (
        not isinstance(value, str)
        or len(value) > _MAX_WEBHOOK_CHARS
        or not _WEBHOOK.fullmatch(value)
    ):
        raise InvalidRequest(
            f"'webhook' must be the id of an endpoint or an https URL, with at most {_MAX_WEBHOOK_CHARS} characters.",
            param="webhook",
        )
    return str(value)


def read_deadline(headers: Mapping[str, str]) -> int | None:
    """Return the seconds within which a worker must begin the job, or None. Raises InvalidRequest."""
    text = headers.get(DEADLINE_HEADER)
    if text is None:
        return None
    seconds: int = _DEADLINE_PARAM.read(DEADLINE_HEADER, FormText(text.strip()))
    return seconds


def job_field_names(form: ParsedForm) -> set[str]:
    """Return the names of the fields that belong to the job and not to the edit."""
    names = {"metadata", "webhook"} & form.values.keys()
    return names | {match[0] for match, _ in _form_pairs(form)}


def reject_job_fields(form: ParsedForm, headers: Mapping[str, str]) -> None:
    """Raise InvalidRequest when an edit that is no job has a field or a header of a job."""
    sent_headers = (name for name in (WEBHOOK_HEADER, DEADLINE_HEADER) if name in headers)
    names = [*sorted(job_field_names(form)), *sent_headers]
    if names:
        raise InvalidRequest(
            f"'{names[0]}' belongs to a job. Send the header 'Prefer: respond-async' too, or leave it out.",
            param=names[0],
        )


def _form_pairs(form: ParsedForm) -> list[tuple[re.Match[str], Any]]:
    found = ((_PAIR_NAME.fullmatch(name), value) for name, value in form.values.items())
    return [(match, value) for match, value in found if match]


def _json_value(text: str) -> Any:
    """Return the JSON value in a text, or the text itself when it is not JSON."""
    try:
        return orjson.loads(text.encode())
    except ValueError:
        return text


def _is_text(value: Any, max_chars: int) -> bool:
    return isinstance(value, str) and len(value) <= max_chars
