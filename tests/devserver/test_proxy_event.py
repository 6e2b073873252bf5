"""Tests of the events that the function receives."""

import os

import requests

EDITS = "/v1/images/edits"


def test_body_with_every_byte_value_is_unchanged_in_both_directions(call_function):
    data = bytes(range(256)) * 5
    assert call_function("bytes", data=data).content == data


def test_body_of_4_6_mb_is_unchanged_in_both_directions(call_function):
    data = os.urandom(4_600_000)
    assert call_function("bytes", data=data).content == data


def test_edit_request_becomes_a_rest_proxy_event(call_function, gateway):
    event = call_function(
        "echo", data=b"abc", headers={"X-Custom": "ß".encode().decode("latin-1")}
    ).json()
    assert event["resource"] == event["path"] == EDITS
    assert event["httpMethod"] == "POST"
    assert event["pathParameters"] is event["stageVariables"] is None
    assert (event["body"], event["isBase64Encoded"]) == ("YWJj", True)
    assert event["queryStringParameters"] == {"do": "echo", "n": "0"}
    assert event["multiValueQueryStringParameters"] == {"do": ["echo"], "n": ["0"]}
    assert event["headers"]["Host"] == gateway.url[7:]
    assert event["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert event["headers"]["X-Forwarded-Proto"] == "http"
    assert not {"content-length", "connection"} & {name.lower() for name in event["headers"]}


def test_event_request_context_describes_the_request(call_function):
    response = call_function("echo", headers={"User-Agent": "pytest"})
    context = response.json()["requestContext"]
    assert context["requestId"] == response.headers["x-amzn-requestid"]
    assert context["resourcePath"] == EDITS
    assert context["path"] == f"/{context['stage']}{EDITS}"
    assert context["protocol"] == "HTTP/1.1"
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["identity"]["userAgent"] == "pytest"
    assert context["requestTimeEpoch"] > 1_700_000_000_000
    assert context["accountId"] == "123456789012"


def test_event_body_is_null_when_the_request_has_no_body(gateway):
    event = requests.get(gateway.url + "/health", timeout=60).json()
    assert (event["body"], event["isBase64Encoded"]) == (None, False)
    assert event["queryStringParameters"] is event["multiValueQueryStringParameters"] is None


def test_other_paths_use_the_greedy_proxy_resource(gateway):
    event = requests.get(gateway.url + "/v1/some%20thing?a=1&a=2&b=", timeout=60).json()
    assert event["resource"] == event["requestContext"]["resourcePath"] == "/{proxy+}"
    assert event["path"] == "/v1/some%20thing"
    assert event["pathParameters"] == {"proxy": "v1/some thing"}
    assert event["queryStringParameters"] == {"a": "2", "b": ""}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": [""]}


def test_repeated_request_headers_are_kept_in_multi_value_headers(gateway):
    import http.client

    connection = http.client.HTTPConnection(gateway.url[7:], timeout=60)
    connection.putrequest("GET", "/")
    for value in ("1", "2"):
        connection.putheader("x-many", value)
    connection.endheaders()
    import orjson

    event = orjson.loads(connection.getresponse().read())
    connection.close()
    assert event["multiValueHeaders"]["X-Many"] == ["1", "2"]
    assert event["headers"]["X-Many"] == "2"
    assert event["resource"] == "/"


def test_worker_environment_has_the_variables_of_lambda(call_function, app):
    env = call_function("env").json()
    assert env["LAMBDA_TASK_ROOT"] == str(app)
    assert env["AWS_LAMBDA_FUNCTION_NAME"] == "edits"
    assert env["AWS_REGION"] == env["AWS_DEFAULT_REGION"] == "us-east-1"
    assert env["_HANDLER"] == "app.handler"
    assert env["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert 890_000 < int(call_function("left").text) <= 900_000
