"""The lines of a batch's input: how they are cut out of the file, and what each of them must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from retouch.batches.batch import ENDPOINT, LineError
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.parameters import quote_value

MAX_LINES = 50_000
MAX_LINE_BYTES = 1_048_576
_MAX_CUSTOM_ID_CHARS = 512
_BLOCK_BYTES = 4_194_304
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MEMBERS = ("custom_id", "method", "url", "body")
ReadRange = Callable[[int, int], bytes]  # (start, length) -> bytes of the input


class InvalidLine(Exception):
    """A line that cannot be an edit. `error` says why."""

    def __init__(self, error: LineError) -> None:
        super().__init__(error.message)
        self.error = error


@frozen_dataclass
class RawLine:
    """The bytes of one line that is not empty."""

    number: int  # counts from 1 where the reading began
    data: bytes
    end: int  # the position after the line


@frozen_dataclass
class BatchLine:
    """One line that names an edit."""

    custom_id: str
    body: Mapping[str, Any]


def iter_lines(read: ReadRange, size: int, start: int = 0) -> Iterator[RawLine]:
    """Yield the lines from a position that begins a line. Raises InvalidLine for a line that is too long."""
    position, end, number, rest = start, start, 0, b""
    while position < size and (block := read(position, min(_BLOCK_BYTES, size - position))):
        position += len(block)
        *lines, rest = (rest + block).split(b"\n")
        if position == size:  # the last line needs no line break
            lines.append(rest)
        for line in lines:
            number, end = number + 1, min(end + len(line) + 1, size)
            _check_length(line, number)
            text = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
            if text.strip():
                yield RawLine(number, text, end)
        _check_length(rest, number + 1)


def parse_line(raw: RawLine) -> BatchLine:
    """Return the edit of a line. Raises InvalidLine."""
    try:
        values = orjson.loads(raw.data)
    except ValueError as error:
        raise _invalid_line(
            raw, "invalid_json_line", f"The line is not valid JSON: {error}."
        ) from None
    if not isinstance(values, dict):
        raise _invalid_line(raw, "invalid_json_line", "The line must be a JSON object.")
    for name in _MEMBERS:
        if name not in values:
            message = f"Missing required parameter: '{name}'. A line has {', '.join(_MEMBERS)}."
            raise _invalid_line(raw, "missing_required_parameter", message, name)
    _check_custom_id(raw, values["custom_id"])
    _check_member(raw, values, "method", "POST")
    _check_member(raw, values, "url", ENDPOINT)
    if not isinstance(values["body"], dict):
        raise _invalid_line(raw, "invalid_type", "'body' must be a JSON object.", "body")
    return BatchLine(values["custom_id"], values["body"])


def _check_length(line: bytes, number: int) -> None:
    if len(line) > MAX_LINE_BYTES:
        message = (
            f"The line has more than {MAX_LINE_BYTES} bytes. Upload its images with POST /v1/uploads "
            "and name them by 'file_id'."
        )
        raise InvalidLine(LineError("line_too_long", message, number))


def _check_custom_id(raw: RawLine, value: Any) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_CUSTOM_ID_CHARS:
        message = f"'custom_id' must be a string of 1 to {_MAX_CUSTOM_ID_CHARS} characters."
        raise _invalid_line(raw, "invalid_custom_id", message, "custom_id")


def _check_member(raw: RawLine, values: Mapping[str, Any], name: str, expected: str) -> None:
    if values[name] != expected:
        message = f"'{name}' is {quote_value(values[name])}; it must be '{expected}'."
        raise _invalid_line(raw, f"invalid_{name}", message, name)


def _invalid_line(raw: RawLine, code: str, message: str, param: str = "") -> InvalidLine:
    return InvalidLine(LineError(code, message, raw.number, param))
