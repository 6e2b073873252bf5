"""Tests of the parser of server-sent events, and of bodies that are event streams unasked."""

import pytest

from retouch.core.provider_protocol import ProviderResponse
from retouch.core.text.event_stream import is_event_stream, parse_sse_events

BOM = b"\xef\xbb\xbf"


def events(*chunks):
    return list(parse_sse_events(chunks))


@pytest.mark.parametrize(
    "body",
    [
        b"data: {}\n\n",
        b"event: a\n",
        b": ping\n\n",
        b"\r\n\r\ndata:{}",
        BOM + b"id: 1\n",
        b"retry: 5\n",
        b"Event: a\n",
    ],
)
def test_event_stream_is_recognized_by_its_first_bytes(body):
    assert is_event_stream(body)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'["data:"]', BOM + b"{}", b"<html>data:", b"\x89PNG"]
)
def test_other_body_is_no_event_stream(body):
    assert not is_event_stream(body)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_event_name_is_the_type_of_an_object_without_one(line_end):
    stream = 'event: a\ndata: {"x": 1}\n\ndata: {"x": 2}\n\nevent: b\ndata: {"type": "c"}\n\n'
    parsed = events(stream.replace("\n", line_end).encode())
    assert parsed == [{"type": "a", "x": 1}, {"x": 2}, {"type": "c"}]


def test_plain_text_of_an_error_event_is_its_message():
    assert events(b"event: error\ndata: the engine is on fire\n\n") == [
        {"type": "error", "message": "the engine is on fire"}
    ]


def test_plain_text_of_other_events_is_skipped():
    assert events(b"event: ping\ndata: hello\n\ndata: [DONE]\n\n") == []


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 4, 100])
def test_byte_order_mark_is_skipped_wherever_a_chunk_ends(chunk_bytes):
    body = BOM + b'data: {"x": 1}\n\n'
    assert events(*(body[at : at + chunk_bytes] for at in range(0, len(body), chunk_bytes))) == [
        {"x": 1}
    ]


def test_short_stream_without_byte_order_mark_is_whole():
    assert events(b"", b"d", b'ata: {"x": 1}') == [{"x": 1}]


def test_names_of_fields_may_have_any_case():
    assert events(b'Event: a\nDATA: {"x": 1}\n\n') == [{"type": "a", "x": 1}]


def test_json_of_a_body_without_event_stream_skips_byte_order_mark():
    assert ProviderResponse(200, {}, BOM + b'{"x": 1}').json() == {"x": 1}


def test_json_of_an_event_stream_is_its_last_object():
    body = b': ping\n\ndata: {"x": 1}\n\ndata: {"x": 2}\n\ndata: [DONE]\n\n'
    assert ProviderResponse(200, {}, body).json() == {"x": 2}


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 100])
def test_line_end_that_is_split_between_two_chunks_ends_one_line(chunk_bytes):
    body = b'data: {"x":\r\ndata: 1}\r\n\r\ndata: {"x": 2}\r\rdata: {"x": 3}\n\n'
    chunks = (body[at : at + chunk_bytes] for at in range(0, len(body), chunk_bytes))
    assert list(parse_sse_events(chunks)) == [{"x": 1}, {"x": 2}, {"x": 3}]


@pytest.mark.parametrize(
    "error", ['{"error": {"message": "late"}}', '{"type": "error", "code": "late", "message": "m"}']
)
def test_error_event_after_an_object_does_not_replace_it(error):
    body = b'data: {"x": 1}\n\ndata: %b\n\n' % error.encode()
    assert ProviderResponse(200, {}, body).json() == {"x": 1}
    assert "x" not in ProviderResponse(200, {}, body.partition(b"\n\n")[2]).json()


def test_state_of_a_failed_task_is_no_error_event():
    body = b'data: {"status": "Pending"}\n\ndata: {"status": "FAILED", "error": "no GPU"}\n\n'
    assert ProviderResponse(200, {}, body).json()["status"] == "FAILED"


@pytest.mark.parametrize("body", [b"", b"data: [DONE]\n\n", b": ping\n\n", b"{"])
def test_json_of_a_body_without_object_raises_value_error(body):
    with pytest.raises(ValueError):  # noqa: PT011 - orjson's own error is a ValueError too
        ProviderResponse(200, {}, body).json()
