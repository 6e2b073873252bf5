"""Tests of responses as one JSON document: direct invocations, SAM local, and a front end without streaming."""

import orjson
import pytest

STREAMING_HANDLER = """
def handler(event, context):
    return {"statusCode": 200, "headers": {"A": "b"}, "body": iter([b"data: 1\\n\\n", b"data: 2\\n\\n"])}
"""
BINARY_HANDLER = "def handler(e, c): return {'statusCode': 200, 'body': iter([b'\\xff', b'\\x00'])}"
CONTEXT_HANDLER = """
import os
def handler(event, context):
    names = ["aws_request_id", "invoked_function_arn", "function_name", "function_version",
             "memory_limit_in_mb", "log_group_name", "log_stream_name", "identity", "client_context"]
    return {**{name: getattr(context, name) for name in names},
            "left": context.get_remaining_time_in_millis(),
            "trace": os.environ.get("_X_AMZN_TRACE_ID")}
"""


def test_direct_invocation_returns_plain_json(api):
    api.start("def handler(event, context): return {'got': event, 'statusCode': 200}")
    post = api.send({"a": [1, "ß"]})
    assert post.json == {"got": {"a": [1, "ß"]}, "statusCode": 200}
    assert post.headers["content-type"] == "application/json"
    assert "lambda-runtime-function-response-mode" not in post.headers


@pytest.mark.parametrize(
    "env", [{"AWS_SAM_LOCAL": "true"}, {"RETOUCH_RESPONSE_MODE": "buffer"}], ids=str
)
def test_streamed_body_is_joined_without_streaming_support(api, http_event, env):
    post = api.start(STREAMING_HANDLER, **env).send(http_event)
    assert "lambda-runtime-function-response-mode" not in post.headers
    assert post.json == {
        "statusCode": 200,
        "headers": {"A": "b"},
        "body": "data: 1\n\ndata: 2\n\n",
        "isBase64Encoded": False,
    }


def test_joined_binary_body_is_base64(api, http_event):
    post = api.start(BINARY_HANDLER, AWS_SAM_LOCAL="true").send(http_event)
    assert post.json == {"statusCode": 200, "body": "/wA=", "isBase64Encoded": True}


def test_response_mode_setting_stream_enables_streaming(api, http_event):
    post = api.start(STREAMING_HANDLER, RETOUCH_RESPONSE_MODE="stream").send(http_event)
    assert post.payload == b"data: 1\n\ndata: 2\n\n"


def test_context_has_lambda_attributes(api):
    api.start(CONTEXT_HANDLER, AWS_LAMBDA_LOG_GROUP_NAME="/aws/lambda/edits")
    trace = {"Lambda-Runtime-Trace-Id": "Root=1-2-3"}
    values = api.send({}, "id-1", **trace).json
    assert values["aws_request_id"] == "id-1"
    assert values["invoked_function_arn"] == "arn:f"
    assert values["function_name"] == "edits"
    assert values["memory_limit_in_mb"] == "1024"
    assert values["log_group_name"] == "/aws/lambda/edits"
    assert values["identity"] is values["client_context"] is None
    assert 50_000 < values["left"] <= 60_000
    assert values["trace"] == "Root=1-2-3"
    assert api.send({}, "id-2").json["trace"] is None


def test_large_event_body_is_parsed_unchanged(api):
    api.start("def handler(event, context): return event")
    text = "A" * 100_000
    for event in (
        {"body": text, "z": 1},
        {"a": {"body": text}, "body": ""},
        {"a": {"body": text}},
        {"a": '"body":"' + text},
        {"body": text + '\\"\nß'},
        {"body": text + "ß"},
        {"body": None, "text": text},
        [{"body": text}],
    ):
        assert api.send(event).json == event
        assert api.send(orjson.dumps(event, option=orjson.OPT_INDENT_2)).json == event
