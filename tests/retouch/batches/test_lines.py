"""Tests of the lines of a batch: how they are cut out of the file, and which of them are refused."""

import json

import pytest

from retouch.batches import lines
from retouch.batches.lines import MAX_LINE_BYTES, InvalidLine, RawLine, iter_lines, parse_line
from tests.support.batches import batch_line


def read_lines(data, start=0):
    return list(iter_lines(lambda at, length: data[at : at + length], len(data), start))


@pytest.mark.parametrize("block", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n \n"])
def test_lines_are_cut_at_line_breaks_wherever_a_block_ends(block, end, monkeypatch):
    monkeypatch.setattr(lines, "_BLOCK_BYTES", block)
    data = b"\xef\xbb\xbfone\n\ntwo\r\nthree" + end
    found = read_lines(data)
    assert [(one.number, one.data.strip()) for one in found] == [
        (1, b"one"),
        (3, b"two"),
        (4, b"three"),
    ]
    for line in found:
        assert data[: line.end].rstrip().endswith(line.data.strip())


def test_reading_goes_on_at_the_end_of_any_line():
    data = b"one\ntwo\n\nthree"
    for line in read_lines(data):
        rest = [one.data for one in read_lines(data, line.end)]
        assert rest == [one.data for one in read_lines(data) if one.end > line.end]


@pytest.mark.parametrize("end", [b"", b"\n", b"\nnext"])
def test_line_that_is_too_long_is_refused_before_it_is_read_whole(end):
    data = b"first\n" + b"x" * (MAX_LINE_BYTES + 1) + end
    with pytest.raises(InvalidLine) as invalid:
        read_lines(data)
    assert (invalid.value.error.code, invalid.value.error.line) == ("line_too_long", 2)


def test_line_of_the_maximum_length_is_read():
    assert len(read_lines(b"x" * MAX_LINE_BYTES)) == 1


@pytest.mark.parametrize(
    ("line", "code", "param"),
    [
        (b'{"custom_id": ', "invalid_json_line", ""),
        (b"[]", "invalid_json_line", ""),
        (b'"text"', "invalid_json_line", ""),
        (b"{}", "missing_required_parameter", "custom_id"),
        (batch_line(1, custom_id=1), "invalid_custom_id", "custom_id"),
        (batch_line(1, custom_id=""), "invalid_custom_id", "custom_id"),
        (batch_line(1, custom_id="x" * 513), "invalid_custom_id", "custom_id"),
        (batch_line(1, method="GET"), "invalid_method", "method"),
        (batch_line(1, url="/v1/chat/completions"), "invalid_url", "url"),
        (batch_line(1, body="x"), "invalid_type", "body"),
    ],
)
def test_malformed_line_is_refused_with_its_number_and_its_member(line, code, param):
    data = line if isinstance(line, bytes) else json.dumps(line).encode()
    with pytest.raises(InvalidLine) as invalid:
        parse_line(RawLine(7, data, len(data)))
    error = invalid.value.error
    assert (error.code, error.line, error.param) == (code, 7, param)
    assert error.message


def test_valid_line_has_its_custom_id_and_its_body():
    data = json.dumps(batch_line(3)).encode()
    line = parse_line(RawLine(1, data, len(data)))
    assert (line.custom_id, line.body["prompt"]) == ("line-3", "prompt-3-")
