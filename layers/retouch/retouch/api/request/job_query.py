"""Reads the query parameters of the routes of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast, get_args

from retouch.api.request.unknown_names import reject_unknown_names
from retouch.core.edit_types import FormText
from retouch.core.errors import InvalidRequest
from retouch.core.parameters import EnumParam, IntParam, quote_value
from retouch.orders.jobs import JobStatus

_LIMIT_PARAM, _DEFAULT_LIMIT = IntParam(1, 100), 20
_STATUS_PARAM = EnumParam(get_args(JobStatus))
_IMAGES = "b64_json"
_LIST_NAMES = ("after", "limit", "status")


def read_list_query(query: Mapping[str, str]) -> tuple[int, JobStatus | None]:
    """Return the largest number of jobs in a list, and the status that they have. Raises InvalidRequest."""
    reject_unknown_names(query, _LIST_NAMES)
    limit = _LIMIT_PARAM.read("limit", FormText(query["limit"])) if "limit" in query else None
    status = _STATUS_PARAM.read("status", query["status"]) if "status" in query else None
    return limit or _DEFAULT_LIMIT, cast("JobStatus | None", status)


def read_include(query: Mapping[str, str]) -> bool:
    """Return whether the job is to have its images, not only their links. Raises InvalidRequest."""
    reject_unknown_names(query, ("include",))
    value = query.get("include")
    if value not in (None, _IMAGES):
        raise InvalidRequest(
            f"'include' must be '{_IMAGES}', not {quote_value(value)}.", param="include"
        )
    return value is not None
