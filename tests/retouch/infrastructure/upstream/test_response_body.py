"""Tests of provider responses in unusual HTTP forms, on real sockets: compressed, labelled, interim, without length."""

import codecs
import gzip
import zlib

import pytest

from retouch.core.errors import UpstreamError
from retouch.core.provider_protocol import ProviderRequest
from tests.support.images import photo
from tests.support.provider_requests import send_to
from tests.support.upstream import ScriptedResponse, Upstream

BODY = b'{"created": 1}' + b" " * 100_000
COMPRESSED = b"\x0b\x02\x80" + bytes(range(128, 256))  # as the data of a compressor looks
POST = ProviderRequest("POST", "/x", json={})
STREAM = ProviderRequest("POST", "/x", json={}, stream=True)
EVENTS = [b"data: {}\n\n", b"data: {}\n\n"]
EVENT_STREAM = {"content-type": "text/event-stream"}


def response_to(request, *responses):
    with Upstream(*responses) as upstream:
        return send_to(upstream.url)(request)


def compressed_response(data, coding="gzip", status=200):
    body = gzip.compress(data) if "gzip" in coding.lower() else zlib.compress(data)
    return ScriptedResponse(status, body, {"content-encoding": coding})


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "deflate", "aws-chunked, gzip"])
def test_compressed_response_is_decompressed(coding):
    assert response_to(POST, compressed_response(BODY, coding)).body == BODY


@pytest.mark.parametrize("body", [BODY, b"{}", codecs.BOM_UTF8 + BODY, photo()], ids=len)
@pytest.mark.parametrize(
    "label",
    [
        *("", "identity", "aws-chunked", "undefined", "utf-8"),
        *("gzip", "deflate", "br", "zstd", "gzip, br", "gzip, gzip, gzip"),
    ],
)
def test_plain_response_with_a_coding_label_is_taken_as_it_is(label, body):
    response = ScriptedResponse(200, body, {"content-encoding": label})
    assert response_to(POST, response).body == body


@pytest.mark.parametrize("coding", ["gzip, gzip", "deflate, gzip", "gzip, x-gzip"])
def test_response_that_was_compressed_twice_is_decompressed(coding):
    inner = gzip.compress(BODY) if coding.startswith("gzip") else zlib.compress(BODY)
    body = gzip.compress(inner)
    response = ScriptedResponse(200, body, {"content-encoding": coding})
    assert response_to(POST, response).body == BODY


def test_response_that_was_compressed_once_but_labelled_twice_is_decompressed():
    body = gzip.compress(BODY)
    response = ScriptedResponse(200, body, {"content-encoding": "gzip, gzip"})
    assert response_to(POST, response).body == BODY


def test_chunked_compressed_response_is_decompressed():
    data = gzip.compress(BODY)
    chunks = [data[:5], data[5:60], data[60:]]
    response = ScriptedResponse(headers={"content-encoding": "gzip"}, chunks=chunks)
    assert response_to(POST, response).body == BODY


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "gzip, gzip, gzip"])
def test_other_compression_is_refused_by_name(coding):
    response = ScriptedResponse(200, COMPRESSED, {"content-encoding": coding})
    with pytest.raises(UpstreamError, match=f"with {coding}, which") as raised:
        response_to(POST, response)
    assert raised.value.billed == "unknown"


def test_damaged_compressed_response_is_an_error_with_unknown_billing():
    with pytest.raises(UpstreamError, match="not readable") as raised:
        response_to(POST, ScriptedResponse(200, b"\x1f\x8b damaged", {"content-encoding": "gzip"}))
    assert raised.value.billed == "unknown"


def test_cut_compressed_response_has_its_start_and_the_failure():
    cut = ScriptedResponse(200, gzip.compress(BODY)[:-9], {"content-encoding": "gzip"})
    response = response_to(POST, cut)
    assert BODY.startswith(response.body)
    assert "not readable" in str(response.failure)
    assert response.failure.billed == "unknown"


def test_error_body_is_decompressed():
    response = response_to(POST, compressed_response(b'{"error": "no"}', status=400))
    assert (response.status, response.body) == (400, b'{"error": "no"}')


@pytest.mark.parametrize(
    ("response", "start"),
    [
        (ScriptedResponse(429, COMPRESSED, {"content-encoding": "br"}), b""),
        (ScriptedResponse(429, gzip.compress(BODY)[:50], {"content-encoding": "gzip"}), BODY[:14]),
        (ScriptedResponse(429, BODY, network_failure="cut"), BODY[:14]),
    ],
    ids=["br", "damaged", "cut"],
)
def test_status_of_an_error_with_an_unreadable_body_is_kept(response, start):
    returned = response_to(POST, response)
    assert (returned.status, returned.body[: len(start)]) == (429, start)
    assert len(returned.body) < len(BODY)


def test_connection_is_reused_after_compressed_response():
    with Upstream(compressed_response(BODY)) as upstream:
        send = send_to(upstream.url)
        assert [send(POST).body for _ in range(2)] == [BODY] * 2


class InterimUpstream(Upstream):
    """A provider server that sends interim responses first."""

    interim = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"

    def write_response(self, handler, response):
        handler.wfile.write(self.interim)
        super().write_response(handler, response)


def test_interim_responses_are_skipped():
    with InterimUpstream(ScriptedResponse(201, BODY)) as upstream:
        response = send_to(upstream.url)(POST)
    assert (response.status, response.body) == (201, BODY)
    assert "link" not in response.headers


def test_endless_interim_responses_are_an_error():
    class Endless(InterimUpstream):
        interim = InterimUpstream.interim * 200

    with Endless(ScriptedResponse()) as upstream, pytest.raises(UpstreamError) as raised:
        send_to(upstream.url)(POST)
    assert raised.value.billed == "unknown"


def test_response_without_length_ends_with_the_connection():
    class Closing(Upstream):
        def write_response(self, handler, response):
            handler.close_connection = True
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + response.body)

    with Closing(ScriptedResponse(200, BODY)) as upstream:
        assert send_to(upstream.url)(POST).body == BODY


@pytest.mark.parametrize(
    "headers", [EVENT_STREAM, {"content-type": "Text/Event-Stream; charset=utf-8"}, {}]
)
def test_event_stream_is_returned_in_chunks_whatever_its_type(headers):
    response = response_to(STREAM, ScriptedResponse(headers=headers, chunks=EVENTS))
    assert response.chunks is not None


def test_compressed_event_stream_is_decompressed():
    chunks = [gzip.compress(EVENTS[0]), gzip.compress(EVENTS[1])]
    headers = {**EVENT_STREAM, "content-encoding": "gzip"}
    with Upstream(ScriptedResponse(headers=headers, chunks=chunks)) as upstream:
        response = send_to(upstream.url)(STREAM)
        assert b"".join(response.chunks) == b"".join(EVENTS)


@pytest.mark.parametrize("headers", [EVENT_STREAM, {"content-type": "application/json"}, {}])
@pytest.mark.parametrize("start", [b"", b"\r\n \n"])
def test_json_response_to_a_stream_request_is_returned_as_a_body(headers, start):
    chunks = [*([start] if start else []), b'{"created"', b": 1}"]
    response = response_to(STREAM, ScriptedResponse(headers=headers, chunks=chunks))
    assert response.chunks is None
    assert response.json() == {"created": 1}
