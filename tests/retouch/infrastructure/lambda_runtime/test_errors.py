"""Tests of the report when the handler, its module or its response has an error."""

import orjson
import pytest

RAISING_HANDLER = """
def handler(event, context):
    if event.get("ok"):
        return "fine"
    raise ValueError(event.get("message", "boom"))
"""


def test_handler_error_is_posted_and_next_event_is_handled(api):
    post = api.start(RAISING_HANDLER).send({})
    assert post.path.endswith("/invocation/1/error")
    assert post.headers["lambda-runtime-function-error-type"] == "Runtime.ValueError"
    assert post.json["errorType"] == "ValueError"
    assert post.json["errorMessage"] == "boom"
    assert "handler" in "".join(post.json["stackTrace"])
    assert api.send({"ok": True}).json == "fine"


def test_error_report_does_not_contain_the_event(api):
    secret = "sk-secret" * 40
    api.start("def handler(event, context): raise ValueError(event)")
    post = api.send({"headers": {"Authorization": secret}})
    assert "sk-secret" not in post.body.decode()
    _, err = api.stop()
    assert "sk-secret" not in err
    assert "ValueError" in err


def test_event_that_is_not_json_is_reported_as_error(api):
    post = api.start(RAISING_HANDLER).send(b"{")
    assert post.json["errorType"] == "JSONDecodeError"
    assert api.send({"ok": True}).json == "fine"


def test_response_that_is_not_json_is_reported_as_error(api):
    post = api.start("def handler(e, c): return {'a': object()}").send({})
    assert post.path.endswith("/error")
    assert post.json["errorType"] == "TypeError"


@pytest.mark.parametrize("rest", ["'body': {'a': 1}", "'body': '?', 'isBase64Encoded': True"])
def test_invalid_response_body_is_reported_before_anything_is_sent(api, http_event, rest):
    api.start(f"def handler(e, c): return {{'statusCode': 200, {rest}}}")
    assert api.send(http_event).path.endswith("/error")


def test_error_is_logged_as_plain_text(api):
    api.start(RAISING_HANDLER).send({}, "id-7")
    _, err = api.stop()
    assert err.startswith("[ERROR] ValueError: boom RequestId: id-7\nTraceback (most recent")


def test_error_is_logged_as_one_json_line(api):
    api.start(RAISING_HANDLER, AWS_LAMBDA_LOG_FORMAT="JSON").send({}, "id-7")
    _, err = api.stop()
    line = orjson.loads(err)
    assert list(line) == [
        "timestamp",
        "level",
        "message",
        "requestId",
        "errorType",
        "stackTrace",
    ]
    assert (line["level"], line["message"], line["requestId"]) == ("ERROR", "boom", "id-7")
    assert line["errorType"] == "ValueError"


def test_standard_output_is_not_buffered(api):
    api.start("def handler(e, c): print('{\"metric\":1}')").send({})
    assert api.process.stdout.readline() == b'{"metric":1}\n'


def test_failing_module_import_is_reported_as_init_error(api):
    post = api.start("import nonsense_that_is_not_there").next_post()
    assert post.path == "/2018-06-01/runtime/init/error"
    assert post.headers["lambda-runtime-function-error-type"] == "Runtime.ModuleNotFoundError"
    assert "nonsense_that_is_not_there" in post.json["errorMessage"]
    assert api.process.wait(60) == 1
    assert api.requested_paths == []


def test_missing_handler_is_reported_as_init_error(api):
    post = api.start("x = 1").next_post()
    assert post.headers["lambda-runtime-function-error-type"] == "Runtime.AttributeError"
    assert api.process.wait(60) == 1
