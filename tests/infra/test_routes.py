"""What the template lets in, and what API Gateway says by itself."""

import json

import pytest

from local import problems
from retouch.edges.routes import ROUTES

EDIT = ("POST", "/v1/images/edits")
NEVER_AGAIN = ("INTEGRATION_TIMEOUT", "INTEGRATION_FAILURE", "DEFAULT_5XX")


def answers(api):
    """{name: (status, headers, error envelope)} of the gateway's own answers."""
    found = {}
    for name, given in api["GatewayResponses"].items():
        text = given["ResponseTemplates"]["application/json"]
        text = text.replace("$context.error.messageString", '"said by the gateway"')
        found[name] = (
            given.get("StatusCode"),
            given["ResponseParameters"]["Headers"],
            json.loads(text)["error"],
        )
    return found


def test_every_route_of_the_handler_is_let_in_and_no_other(routes):
    methods = {route for route in routes if route[0] != "OPTIONS"}
    ours = {(m, path.replace("<", "{").replace(">", "}")) for m, path in ROUTES}
    assert methods == ours


def test_browsers_may_ask_first_where_pages_call(routes):
    for path in ("/v1/images/edits", "/v1/uploads", "/v1/models"):
        assert ("OPTIONS", path) in routes


def test_every_route_streams_because_the_runtime_always_does(routes):
    assert {route["ResponseTransferMode"] for route in routes.values()} == {"RESPONSE_STREAM"}


def test_an_edit_may_take_as_long_as_the_function(routes, template):
    longest = template["Parameters"]["TimeoutSeconds"]["MaxValue"]
    assert routes[EDIT]["TimeoutInMillis"] >= longest * 1000


def test_uploads_arrive_as_bytes_and_json_as_text(api):
    # Any wildcard would turn JSON into base64, which costs a third of what a function takes.
    assert api["BinaryMediaTypes"] == ["multipart/form-data"]


def test_one_stage_in_one_region(api):
    assert api["EndpointConfiguration"] == {"Type": "REGIONAL"}
    assert api["OpenApiVersion"], "without it SAM adds a second stage"


def test_every_method_is_throttled(api):
    (settings,) = api["MethodSettings"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert settings["ThrottlingRateLimit"] == {"Ref": "ThrottleRate"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ThrottleBurst"}


def test_the_access_log_is_json_and_says_no_more_than_it_must(api):
    line = json.loads(api["AccessLogSetting"]["Format"])
    assert {"requestId", "status", "path"} <= set(line)
    assert not any("authorization" in value.lower() for value in line.values())


def test_the_gateway_speaks_openais_envelope(api):
    for name, (_, headers, error) in answers(api).items():
        assert set(error) == {"message", "type", "param", "code"}, name
        assert headers["x-retouch-billed"] in ("'no'", "'unknown'")
        assert headers["Access-Control-Allow-Origin"] == "'*'", "or a page cannot read it"


@pytest.mark.parametrize("name", NEVER_AGAIN)
def test_what_may_have_been_bought_is_not_bought_again(api, name):
    _, headers, _ = answers(api)[name]
    assert headers["x-should-retry"] == "'false'"
    assert headers["x-retouch-billed"] == "'unknown'"
    assert "x-should-retry" in headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("MISSING_AUTHENTICATION_TOKEN", 404, "not_found"),
        ("REQUEST_TOO_LARGE", 413, "body_too_large"),
        ("THROTTLED", 429, "rate_limit_exceeded"),
        ("QUOTA_EXCEEDED", 429, "insufficient_quota"),
        ("ACCESS_DENIED", 403, "access_denied"),
        ("INTEGRATION_TIMEOUT", 504, "gateway_timeout"),
        ("INTEGRATION_FAILURE", 504, "gateway_timeout"),
    ],
)
def test_status_and_code(api, name, status, code):
    assert answers(api)[name][0] == status
    assert answers(api)[name][2]["code"] == code


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("REQUEST_TOO_LARGE", problems.BODY_TOO_LARGE),
        ("INTEGRATION_TIMEOUT", problems.GATEWAY_TIMEOUT),
        ("DEFAULT_5XX", problems.FUNCTION_FAILED),
    ],
)
def test_the_local_front_says_the_same(api, name, problem):
    assert answers(api)[name][2] == json.loads(problem.body)["error"]
