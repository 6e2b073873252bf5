"""A whole response is taken as it comes. The tests change the form of every response of a provider, not its content."""

import base64
import gzip
import json
import zlib
from dataclasses import replace
from urllib.parse import quote

import pytest

from tests.contract.changed_responses import IMAGE_STARTS, ChangedResponses, is_json
from tests.contract.registry import make_standin
from tests.contract.response_cases import CASES, PROVIDERS_BY_NAME, sample_request
from tests.contract.runner import send_request, services_for
from tests.support.images import decode_image

BOM = b"\xef\xbb\xbf"


def set_headers(response, **headers):
    added = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(response, headers={**response.headers, **added})


def drop_content_type(response):
    return replace(response, headers={})


def change_type_to_upper_case(response):
    return set_headers(response, content_type=response.headers["content-type"].upper())


def compress_with(coding, compress):
    return lambda response: set_headers(
        replace(response, body=compress(response.body)), content_encoding=coding
    )


def set_coding(coding):
    return lambda response: set_headers(response, content_encoding=coding)


def raw_deflate(data):
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def add_byte_order_mark(response):
    return replace(response, body=BOM + response.body) if is_json(response) else response


def to_event_stream(response):
    if not is_json(response):
        return response
    body = b": keep-alive\n\ndata: " + response.body + b"\n\ndata: [DONE]\n\n"
    return set_headers(replace(response, body=body), content_type="text/event-stream")


def change_body(change):
    """Return a change of the bytes of a JSON response."""
    return lambda response: (
        replace(response, body=change(response.body)) if is_json(response) else response
    )


def change_each_image(change):
    """Return a change of the text of every base64 image in a JSON response."""
    return change_body(lambda body: json.dumps(change_images(json.loads(body), change)).encode())


def change_images(value, change):
    if isinstance(value, str) and value.startswith(IMAGE_STARTS):
        return change(value)
    if isinstance(value, dict):
        return {name: change_images(inner, change) for name, inner in value.items()}
    return [change_images(inner, change) for inner in value] if isinstance(value, list) else value


def wrap_lines(base64_text):
    """Return the text with a line break after every 76 characters, as in e-mails."""
    return base64.encodebytes(base64.b64decode(base64_text)).decode()


def to_url_safe(base64_text):
    return base64.urlsafe_b64encode(base64.b64decode(base64_text)).decode().rstrip("=")


def add_secondary_value(text):
    """Return a change that adds a value, which JSON does not allow, to a JSON object."""
    return change_body(lambda body: body.rstrip()[:-1] + b', "secondary": %b}' % text)


def set_status_201(response):
    return replace(response, status=201) if response.status == 200 else response


CHANGES = {
    "gzip": compress_with("gzip", gzip.compress),
    "x-gzip": compress_with("X-GZIP", gzip.compress),
    "deflate": compress_with("deflate", zlib.compress),
    "raw deflate": compress_with("deflate", raw_deflate),
    "aws-chunked, gzip": compress_with("aws-chunked, gzip", gzip.compress),
    "gzip, but not compressed": set_coding("gzip"),
    "empty coding": set_coding(""),
    "identity": set_coding("Identity"),
    "aws-chunked": set_coding("aws-chunked"),
    "utf-8": set_coding("utf-8"),
    "no content type": drop_content_type,
    "upper case": change_type_to_upper_case,
    "byte order mark": add_byte_order_mark,
    "event stream": to_event_stream,
    "gzip without a label": lambda response: replace(response, body=gzip.compress(response.body)),
    "UTF-16": change_body(lambda body: body.decode().encode("utf-16")),
    "trailing comma": change_body(lambda body: body.rstrip()[:-1] + b",}"),
    "text after the document": change_body(lambda body: body + b"<html>"),
    "second document": change_body(lambda body: body + body),
    "text before the document": change_body(lambda body: b")]}'\n" + body),
    "NaN": add_secondary_value(b"NaN"),
    "control character": add_secondary_value(b'"a\nb"'),
    "lone surrogate": add_secondary_value(b'"\\ud800"'),
    "data URLs": change_each_image(lambda text: f"data:image/png;base64,{text}"),
    "data URLs with parameters": change_each_image(
        lambda text: f"data:image/png;a=b;base64,{text}"
    ),
    "wrapped base64": change_each_image(wrap_lines),
    "URL-safe base64 without padding": change_each_image(to_url_safe),
    "percent-encoded base64": change_each_image(lambda text: quote(text, safe="")),
    "status 201": set_status_201,
    "zlib without a label": lambda response: replace(response, body=zlib.compress(response.body)),
    "gzip twice": compress_with("gzip", lambda data: gzip.compress(gzip.compress(data))),
    "zlib called gzip": compress_with("gzip", zlib.compress),
    "type of an image": lambda response: set_headers(response, content_type="image/png"),
    "string of JSON": change_body(lambda body: json.dumps(body.decode()).encode()),
    "event stream with CR": change_body(lambda body: b": ping\r\rdata: " + body + b"\r\r"),
    "error event after the document": change_body(
        lambda body: b"data: " + body + b'\n\nevent: error\ndata: {"error": "late"}\n\n'
    ),
    "data URL in a data URL": change_each_image(
        lambda text: f"data:image/png;base64,data:image/png;base64,{text}"
    ),
}


def changed_outcome(case, change):
    request = sample_request(case)
    with make_standin(PROVIDERS_BY_NAME[request.model.partition("/")[0]]) as server:
        ChangedResponses(server, change)
        outcome = send_request(request, services=services_for(server))
        return outcome, len(server.calls), request


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("case", [case for case in CASES if case != "openai-stream"])
def test_whole_response_in_unusual_form_is_delivered(case, change):
    outcome, paid_calls, request = changed_outcome(case, CHANGES[change])
    assert outcome.error is None
    assert len(outcome.images) == request.n
    assert all(decode_image(image) for image in outcome.images)
    assert paid_calls == (1 if case == "openai" else request.n)


class InterimResponses:
    """Interim responses before every response of a server."""

    def __init__(self, *servers):
        for server in servers:
            server.write_response = self.writer(server)

    def writer(self, server):
        write = type(server).write_response

        def write_with_interim_responses(handler, response):
            handler.wfile.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            handler.wfile.write(b"HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n")
            handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            write(server, handler, response)

        return write_with_interim_responses


@pytest.mark.parametrize("case", CASES)
def test_response_after_interim_responses_is_delivered(case):
    request = sample_request(case)
    with make_standin(PROVIDERS_BY_NAME[request.model.partition("/")[0]]) as server:
        InterimResponses(server, server.result_host)
        outcome = send_request(request, services=services_for(server))
    assert outcome.error is None
    assert len(outcome.images) == request.n
