"""Reads whether a request is a job: `Prefer: respond-async` (RFC 7240), or the field `background`.

OpenAI's edits have a parameter of the same name, whose values are words such as "transparent". Only a boolean, or a
text that spells one, says something about a job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from retouch.api.request.job_fields import (
    job_field_names,
    read_deadline,
    read_metadata,
    read_webhook,
)
from retouch.api.request.preferences import read_preferences, read_wait
from retouch.api.request.sdk_headers import read_retry_count
from retouch.core.edit_types import ParsedForm
from retouch.core.parameters import FALSE_WORDS, TRUE_WORDS
from retouch.gateway.orders.edit_job import JobOptions
from retouch.orders.idempotency_key import HEADER_NAME, parse_idempotency_key

MAX_WAIT_SECONDS = 60.0
_FIELD = "background"


def read_job_options(headers: Mapping[str, str], form: ParsedForm) -> JobOptions | None:
    """Return what a request says about its job, or None when it is no job. Raises InvalidRequest."""
    prefers_job = read_preferences(headers).get("respond-async") == ""
    if not prefers_job and _job_flag(form) is not True:
        return None
    text = headers.get(HEADER_NAME.lower())
    may_join = headers.get("x-retouch-join", "").strip().lower() != "never"
    return JobOptions(
        None if text is None else parse_idempotency_key(text),
        read_retry_count(headers) if may_join else None,
        metadata=read_metadata(form),
        webhook=read_webhook(form, headers),
        begin_within=read_deadline(headers),
    )


def remove_job_flag(form: ParsedForm) -> ParsedForm:
    """Return the form without `background` if that field says whether the request is a job."""
    return form if _job_flag(form) is None else _remove_fields(form, {_FIELD})


def remove_job_fields(form: ParsedForm) -> ParsedForm:
    """Return the form of a job's edit alone."""
    form, names = remove_job_flag(form), job_field_names(form)
    return _remove_fields(form, names) if names else form


def read_job_wait(headers: Mapping[str, str]) -> float:
    """Return the seconds that the caller waits for a job: 0 by default."""
    return min(read_wait(headers) or 0.0, MAX_WAIT_SECONDS)


def _remove_fields(form: ParsedForm, names: set[str]) -> ParsedForm:
    return replace(form, values={k: v for k, v in form.values.items() if k not in names})


def _job_flag(form: ParsedForm) -> bool | None:
    value: Any = form.values.get(_FIELD)
    if not isinstance(value, str):
        return value if isinstance(value, bool) else None
    word = value.strip().lower()
    return word in TRUE_WORDS if word in TRUE_WORDS + FALSE_WORDS else None
