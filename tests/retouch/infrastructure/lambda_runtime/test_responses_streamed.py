"""Tests of responses to HTTP events: prelude, payload, timing, and interrupted streams."""

import base64
import os
import time

import orjson

from retouch.infrastructure.lambda_runtime.runtime_api import RuntimeApiConnection

ECHO_HANDLER = """
import base64
def handler(event, context):
    body = base64.b64decode(event["body"])
    return {"statusCode": 201, "headers": {"Content-Type": "image/png"},
            "multiValueHeaders": {"X-A": ["1", "2"]}, "cookies": ["a=b"],
            "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
"""

SLOW_HANDLER = """
import time
def pieces():
    for number in range(3):
        yield b"data: %d\\n\\n" % number
        time.sleep(0.3)
def handler(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "text/event-stream"}, "body": pieces()}
"""

WRITING_HANDLER = """
import time
from retouch.core.concurrency.pending_writes import start_write
written = []
def write():
    time.sleep(0.5)
    written.append(1)
def handler(event, context):
    before = str(len(written))
    start_write(write)
    return {"statusCode": 200, "body": before}
"""

BREAKING_HANDLER = """
def pieces():
    yield b"one"
    raise ConnectionError("the provider hung up")
def handler(event, context):
    return {"statusCode": 200, "body": pieces()}
"""

ENDLESS_HANDLER = """
import os, time
def pieces():
    try:
        while True:
            yield b"x" * 100
            time.sleep(0.01)
    finally:
        print("closed", flush=True)
def handler(event, context):
    if event["path"] == "/pid":
        return {"statusCode": 200, "body": str(os.getpid())}
    return {"statusCode": 200, "body": pieces()}
"""


CLOSABLE_HANDLER = """
class Pieces:
    def __iter__(self): return self
    def __next__(self): return b"x" * 100
    def close(self): print("closed", flush=True)
kept = Pieces()
def handler(event, context):
    return {"statusCode": 200, "body": kept if event["path"] == "/" else "ok"}
"""


def with_body(event, data):
    return {**event, "body": base64.b64encode(data).decode(), "isBase64Encoded": True}


def test_response_with_every_byte_value_is_streamed_unchanged(api, http_event):
    data = bytes(range(256)) * 3
    post = api.start(ECHO_HANDLER).send(with_body(http_event, data))
    assert post.payload == data
    assert post.path == "/2018-06-01/runtime/invocation/1/response"
    assert post.headers["lambda-runtime-function-response-mode"] == "streaming"
    content_type = "application/vnd.awslambda.http-integration-response"
    assert post.headers["content-type"] == content_type
    assert post.trailers == {}


def test_prelude_has_status_headers_and_cookies(api, http_event):
    post = api.start(ECHO_HANDLER).send(with_body(http_event, b"x"))
    assert post.prelude == {
        "statusCode": 201,
        "headers": {"Content-Type": "image/png"},
        "multiValueHeaders": {"X-A": ["1", "2"]},
        "cookies": ["a=b"],
    }


def test_large_response_is_streamed_unchanged(api, http_event):
    data = os.urandom(4_600_000)
    api.start(ECHO_HANDLER)
    assert api.send(with_body(http_event, data)).payload == data
    assert api.send(with_body(http_event, data[::-1]), "2").payload == data[::-1]


def test_chunked_event_is_read(api, http_event):
    api.chunked_events = True
    data = os.urandom(300_000)
    assert api.start(ECHO_HANDLER).send(with_body(http_event, data)).payload == data


def test_text_body_is_encoded_as_utf8(api, http_event):
    api.start("def handler(e, c): return {'statusCode': 200, 'body': 'Ma\\u00df \\U0001f3a8'}")
    assert api.send(http_event).payload == "Maß 🎨".encode()


def test_response_without_body_has_empty_payload(api, http_event):
    post = api.start("def handler(e, c): return {'statusCode': 204}").send(http_event)
    assert (post.prelude, post.payload) == ({"statusCode": 204}, b"")


def test_http_api_event_is_streamed(api):
    api.start("def handler(e, c): return {'statusCode': 200, 'body': 'x'}")
    post = api.send({"requestContext": {"http": {"method": "POST"}}})
    assert post.payload == b"x"


def test_body_pieces_are_sent_as_they_are_produced(api, http_event):
    post = api.start(SLOW_HANDLER).send(http_event)
    times = [moment for moment, piece in post.pieces if piece.startswith(b"data")]
    assert len(times) == 3
    assert times[1] - times[0] > 0.2
    assert times[2] - times[1] > 0.2


def test_write_beside_a_response_delays_no_response_and_ends_before_the_next_event(api, http_event):
    api.start(WRITING_HANDLER)
    first = api.send(http_event)
    answered = first.pieces[-1][0]
    second = api.send(http_event)
    assert (first.payload, second.payload) == (b"0", b"1")
    assert second.pieces[0][0] - answered > 0.3, "the write ran after the first response"


def test_error_during_stream_is_reported_in_trailers(api, http_event):
    api.start(BREAKING_HANDLER)
    post = api.send(http_event)
    assert post.payload == b"one"
    assert post.trailers["lambda-runtime-function-error-type"] == "Runtime.ConnectionError"
    body = base64.b64decode(post.trailers["lambda-runtime-function-error-body"])
    assert orjson.loads(body)["errorMessage"] == "the provider hung up"
    assert api.send(http_event, "2").payload == b"one"


def test_closed_connection_closes_generator_but_not_process(api, http_event):
    api.start(ENDLESS_HANDLER)
    api.hang_up_after = 5
    api.send(http_event)
    post = api.send({**http_event, "path": "/pid"}, "2")
    assert int(post.payload) == api.process.pid
    assert "closed" in api.stop()[0]


def test_closed_connection_closes_iterator_with_other_references(api, http_event):
    api.start(CLOSABLE_HANDLER)
    api.hang_up_after = 5
    api.send(http_event)
    assert api.send({**http_event, "path": "/next"}, "2").payload == b"ok"
    assert api.stop()[0] == "closed\n"


def test_connection_lost_during_handler_is_reopened(api, http_event):
    api.drop_after_next = True
    api.start(
        "import time\ndef handler(e, c): time.sleep(.1); return {'statusCode': 200, 'body': 'x'}"
    )
    assert api.send(http_event).payload == b"x"
    assert api.send(http_event, "2").payload == b"x"
    assert len(api.connections) > 1


def test_single_connection_serves_all_events(api, http_event):
    api.start("def handler(e, c): return {'statusCode': 200, 'body': 'x'}")
    for number in range(5):
        api.send(http_event, str(number))
    assert len(api.connections) == 1


def test_dead_keep_alive_connection_is_replaced(api):
    api.events.put(("1", b"{}", {}))
    api.drop_after_next = True
    connection = RuntimeApiConnection(f"127.0.0.1:{api.server.server_address[1]}")
    assert connection.get("/2018-06-01/runtime/invocation/next").body == b"{}"
    time.sleep(0.1)
    api.events.put(("2", b"[]", {}))
    assert connection.get("/2018-06-01/runtime/invocation/next").body == b"[]"
    connection.close()


def test_loop_ends_when_runtime_api_is_gone(api, http_event):
    api.start("def handler(e, c): return {'statusCode': 200, 'body': 'x'}")
    api.send(http_event)
    api.server.shutdown()
    api.server.server_close()
    api.events.put((None, b"", {}))
    assert api.process.wait(60) == 1
