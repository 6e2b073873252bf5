"""Read the requests for batches and files: their fields, and the parameters of their lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from retouch.api.request import multipart
from retouch.api.request.list_cursor import read_cursor
from retouch.api.request.unknown_names import reject_unknown_names
from retouch.batches.batch import ENDPOINT
from retouch.core.edit_types import FormText, HttpRequest, Part
from retouch.core.errors import InvalidRequest, UnsupportedMedia
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.parameters import EnumParam, IntParam

_SECONDS_PARAM = IntParam(3600, 2_592_000)  # as OpenAI has them
_ANCHOR_PARAM = EnumParam(("created_at",))
_ORDER_PARAM = EnumParam(("asc", "desc"))
_PURPOSE_PARAM = EnumParam(("batch",))
_BATCH_FIELDS = (
    "input_file_id",
    "endpoint",
    "completion_window",
    "metadata",
    "output_expires_after",
)
_FILE_FIELDS = ("file", "purpose", "expires_after[anchor]", "expires_after[seconds]")
_MAX_PAIRS, _MAX_NAME_CHARS, _MAX_VALUE_CHARS = 16, 64, 512  # of metadata, as OpenAI has them
_MAX_FILE_NAME_CHARS = 255
_DEFAULT_OUTPUT_SECONDS = 86_400


@frozen_dataclass
class FileFields:
    """The fields of a new file. `seconds` is how long it is kept, or None when the caller does not say."""

    name: str
    data: bytes
    seconds: int | None


@frozen_dataclass
class BatchFields:
    """The fields of a new batch. `output_seconds` is how long its files of results are kept."""

    input_file: str
    metadata: Mapping[str, str]
    output_seconds: int


@frozen_dataclass
class ListFields:
    """The parameters of a list. `after` is the id of the last object of the page before, or "" for the first page."""

    after: str
    limit: int
    is_ascending: bool


def read_file_fields(request: HttpRequest) -> FileFields:
    """Return the fields of a multipart form. Raises InvalidRequest."""
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        raise UnsupportedMedia(
            "Send the file as multipart/form-data, with the fields 'file' and 'purpose'."
        )
    parts = multipart.parse_parts(request.body, multipart.parse_boundary(content_type))
    fields = {part.name: part for part in parts}
    reject_unknown_names(fields, _FILE_FIELDS)
    file = fields.get("file")
    if file is None or (not file.is_file and file.filename is None):
        raise _missing_field("file", "Send the lines of the batch as a file.")
    if not file.data:
        raise InvalidRequest("The file is empty.", param="file", code="empty_file")
    if "purpose" not in fields:
        raise _missing_field("purpose", "Send purpose=batch.")
    _PURPOSE_PARAM.read("purpose", _text(fields["purpose"]))
    return FileFields(_file_name(file.filename or ""), file.data, _read_form_seconds(fields))


def read_batch_fields(request: HttpRequest) -> BatchFields:
    """Return the fields of a JSON body. Raises InvalidRequest."""
    try:
        values = orjson.loads(request.body or b"{}")
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise InvalidRequest("The body must be a JSON object.", code="invalid_json")
    values = {name: value for name, value in values.items() if value is not None}
    reject_unknown_names(values, _BATCH_FIELDS)
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(values.get(name), str):
            raise _missing_field(name, "A batch needs it as a string.")
    EnumParam((ENDPOINT,)).read("endpoint", values["endpoint"])
    EnumParam(("24h",)).read("completion_window", values["completion_window"])
    return BatchFields(
        values["input_file_id"],
        _read_metadata(values.get("metadata", {})),
        _read_output_seconds(values.get("output_expires_after")),
    )


def read_list_fields(
    query: Mapping[str, str],
    names: tuple[str, ...],
    prefix: str,
    max_limit: int,
    default_limit: int,
) -> ListFields:
    """Return the parameters of a list. Raises InvalidRequest.

    `names` are the parameters that the list has, and `prefix` begins the ids of its objects.
    """
    reject_unknown_names(query, names)
    limit = IntParam(1, max_limit).read("limit", FormText(query.get("limit", str(default_limit))))
    order = _ORDER_PARAM.read("order", query.get("order", "desc"))
    return ListFields(read_cursor(query, prefix), limit, order == "asc")


def _read_form_seconds(fields: Mapping[str, Part]) -> int | None:
    seconds, anchor = fields.get("expires_after[seconds]"), fields.get("expires_after[anchor]")
    if seconds is None and anchor is None:
        return None
    if seconds is None or anchor is None:
        raise InvalidRequest("'expires_after' needs 'anchor' and 'seconds'.", param="expires_after")
    _ANCHOR_PARAM.read("expires_after[anchor]", _text(anchor))
    value: int = _SECONDS_PARAM.read("expires_after[seconds]", FormText(_text(seconds)))
    return value


def _read_output_seconds(value: Any) -> int:
    if value is None:
        return _DEFAULT_OUTPUT_SECONDS
    if not isinstance(value, dict) or value.keys() != {"anchor", "seconds"}:
        raise InvalidRequest(
            "'output_expires_after' must be an object with 'anchor' and 'seconds'.",
            param="output_expires_after",
        )
    _ANCHOR_PARAM.read("output_expires_after.anchor", value["anchor"])
    seconds: int = _SECONDS_PARAM.read("output_expires_after.seconds", value["seconds"])
    return seconds


def _read_metadata(value: Any) -> Mapping[str, str]:
    is_valid = isinstance(value, dict) and len(value) <= _MAX_PAIRS
    if not is_valid or not all(
        isinstance(text, str) and len(name) <= _MAX_NAME_CHARS and len(text) <= _MAX_VALUE_CHARS
        for name, text in value.items()
    ):
        raise InvalidRequest(
            f"'metadata' must be an object of at most {_MAX_PAIRS} strings, each with a name of at most "
            f"{_MAX_NAME_CHARS} and a value of at most {_MAX_VALUE_CHARS} characters.",
            param="metadata",
        )
    return dict(value)


def _missing_field(name: str, remedy: str) -> InvalidRequest:
    return InvalidRequest(
        f"Missing required parameter: '{name}'. {remedy}",
        param=name,
        code="missing_required_parameter",
    )


def _text(part: Part) -> str:
    return part.data.decode("utf-8", "replace")


def _file_name(name: str) -> str:
    """Return a name that a header can carry."""
    safe = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    return safe[:_MAX_FILE_NAME_CHARS] or "file.jsonl"
