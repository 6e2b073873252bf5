"""Answers to HTTP events: prelude, payload, pace, and what happens when they break off."""

import base64
import os
import time

import orjson

from retouch.runtime.connection import Connection

ECHO = """
import base64
def handler(event, context):
    body = base64.b64decode(event["body"])
    return {"statusCode": 201, "headers": {"Content-Type": "image/png"},
            "multiValueHeaders": {"X-A": ["1", "2"]}, "cookies": ["a=b"],
            "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
"""

SLOW = """
import time
def pieces():
    for number in range(3):
        yield b"data: %d\\n\\n" % number
        time.sleep(0.3)
def handler(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "text/event-stream"}, "body": pieces()}
"""

BREAKS = """
def pieces():
    yield b"one"
    raise ConnectionError("the provider hung up")
def handler(event, context):
    return {"statusCode": 200, "body": pieces()}
"""

ENDLESS = """
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


CLOSABLE = """
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


def test_every_byte_value_survives(api, http_event):
    data = bytes(range(256)) * 3
    post = api.start(ECHO).send(with_body(http_event, data))
    assert post.payload == data
    assert post.path == "/2018-06-01/runtime/invocation/1/response"
    assert post.headers["lambda-runtime-function-response-mode"] == "streaming"
    kind = "application/vnd.awslambda.http-integration-response"
    assert post.headers["content-type"] == kind
    assert post.trailers == {}


def test_prelude(api, http_event):
    post = api.start(ECHO).send(with_body(http_event, b"x"))
    assert post.prelude == {
        "statusCode": 201,
        "headers": {"Content-Type": "image/png"},
        "multiValueHeaders": {"X-A": ["1", "2"]},
        "cookies": ["a=b"],
    }


def test_megabytes_survive(api, http_event):
    data = os.urandom(4_600_000)
    api.start(ECHO)
    assert api.send(with_body(http_event, data)).payload == data
    assert api.send(with_body(http_event, data[::-1]), "2").payload == data[::-1]


def test_a_chunked_event_is_read_too(api, http_event):
    api.chunked_events = True
    data = os.urandom(300_000)
    assert api.start(ECHO).send(with_body(http_event, data)).payload == data


def test_text_body_is_utf8(api, http_event):
    api.start("def handler(e, c): return {'statusCode': 200, 'body': 'Ma\\u00df \\U0001f3a8'}")
    assert api.send(http_event).payload == "Maß 🎨".encode()


def test_empty_body(api, http_event):
    post = api.start("def handler(e, c): return {'statusCode': 204}").send(http_event)
    assert (post.prelude, post.payload) == ({"statusCode": 204}, b"")


def test_http_api_events_stream_as_well(api):
    api.start("def handler(e, c): return {'statusCode': 200, 'body': 'x'}")
    post = api.send({"requestContext": {"http": {"method": "POST"}}})
    assert post.payload == b"x"


def test_pieces_arrive_as_they_are_produced(api, http_event):
    post = api.start(SLOW).send(http_event)
    times = [moment for moment, piece in post.pieces if piece.startswith(b"data")]
    assert len(times) == 3
    assert times[1] - times[0] > 0.2
    assert times[2] - times[1] > 0.2


def test_an_error_on_the_way_is_told_in_trailers(api, http_event):
    api.start(BREAKS)
    post = api.send(http_event)
    assert post.payload == b"one"
    assert post.trailers["lambda-runtime-function-error-type"] == "Runtime.ConnectionError"
    body = base64.b64decode(post.trailers["lambda-runtime-function-error-body"])
    assert orjson.loads(body)["errorMessage"] == "the provider hung up"
    assert api.send(http_event, "2").payload == b"one"


def test_hanging_up_closes_the_generator_and_nothing_else(api, http_event):
    api.start(ENDLESS)
    api.hang_up_after = 5
    api.send(http_event)
    post = api.send({**http_event, "path": "/pid"}, "2")
    assert int(post.payload) == api.process.pid
    assert "closed" in api.stop()[0]


def test_hanging_up_closes_an_iterator_that_somebody_else_holds(api, http_event):
    api.start(CLOSABLE)
    api.hang_up_after = 5
    api.send(http_event)
    assert api.send({**http_event, "path": "/next"}, "2").payload == b"ok"
    assert api.stop()[0] == "closed\n"


def test_a_connection_dropped_while_the_handler_worked_is_opened_again(api, http_event):
    api.drop_after_next = True
    api.start(
        "import time\ndef handler(e, c): time.sleep(.1); return {'statusCode': 200, 'body': 'x'}"
    )
    assert api.send(http_event).payload == b"x"
    assert api.send(http_event, "2").payload == b"x"
    assert len(api.connections) > 1


def test_one_connection_serves_all(api, http_event):
    api.start("def handler(e, c): return {'statusCode': 200, 'body': 'x'}")
    for number in range(5):
        api.send(http_event, str(number))
    assert len(api.connections) == 1


def test_a_dead_kept_alive_connection_is_left_behind(api):
    api.events.put(("1", b"{}", {}))
    api.drop_after_next = True
    connection = Connection(f"127.0.0.1:{api.server.server_address[1]}")
    assert connection.get("/2018-06-01/runtime/invocation/next").body == b"{}"
    time.sleep(0.1)
    api.events.put(("2", b"[]", {}))
    assert connection.get("/2018-06-01/runtime/invocation/next").body == b"[]"
    connection.close()


def test_the_loop_ends_with_the_runtime_api(api, http_event):
    api.start("def handler(e, c): return {'statusCode': 200, 'body': 'x'}")
    api.send(http_event)
    api.server.shutdown()
    api.server.server_close()
    api.events.put((None, b"", {}))
    assert api.process.wait(60) == 1
