"""Tests of the API routes in the template and of API Gateway's own responses."""

import json

import pytest

from devserver import error_responses
from devserver.routes import find_route
from retouch.api.admin.routes import ADMIN_ROUTES
from retouch.api.router import path_pattern
from retouch.api.routes import EDIT_ROUTES, ROUTES

NOT_RETRYABLE = ("INTEGRATION_TIMEOUT", "INTEGRATION_FAILURE", "DEFAULT_5XX")


def gateway_responses(api):
    """Return {name: (status, headers, error envelope)} of API Gateway's own responses."""
    responses = {}
    for name, response in api["GatewayResponses"].items():
        text = response["ResponseTemplates"]["application/json"]
        text = text.replace("$context.error.messageString", '"a message of the gateway"')
        responses[name] = (
            response.get("StatusCode"),
            response["ResponseParameters"]["Headers"],
            json.loads(text)["error"],
        )
    return responses


def test_template_routes_equal_the_routes_of_the_handler(routes):
    methods = {route for route in routes if route[0] != "OPTIONS"}
    assert methods == set(ROUTES)


def test_browser_routes_accept_preflight_requests(routes):
    # Pages and files that a browser opens, and checks of operators
    others = {"/", "/playground", "/playground/{file}", "/openapi.json", "/health", "/v1/doctor"}
    paths = {path for _, path in ROUTES} - others
    assert len(paths) > 20
    assert {path for path in paths if ("OPTIONS", path) not in routes} == set()


def test_every_route_uses_response_streaming(routes):
    assert {route["ResponseTransferMode"] for route in routes.values()} == {"RESPONSE_STREAM"}


def test_edit_route_timeout_covers_the_longest_function_timeout(routes, template):
    max_seconds = template["Parameters"]["TimeoutSeconds"]["MaxValue"]
    for path in EDIT_ROUTES:
        assert routes["POST", path]["TimeoutInMillis"] >= max_seconds * 1000


def test_api_treats_only_multipart_bodies_as_binary(api):
    # A wildcard would turn JSON into base64, which needs a third more of the payload limit.
    assert api["BinaryMediaTypes"] == ["multipart/form-data"]


def test_api_has_a_single_regional_stage(api):
    assert api["EndpointConfiguration"] == {"Type": "REGIONAL"}
    assert api["OpenApiVersion"], "Without it SAM adds a second stage."


def test_api_throttles_every_method(api):
    (settings,) = api["MethodSettings"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert settings["ThrottlingRateLimit"] == {"Ref": "ThrottleRate"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ThrottleBurst"}


def test_access_log_is_json_without_authorization_values(api):
    line = json.loads(api["AccessLogSetting"]["Format"])
    assert {"requestId", "status", "resource"} <= set(line)
    assert not any("authorization" in value.lower() for value in line.values())


def test_access_log_has_no_path_because_a_path_can_be_a_link_to_an_image(api):
    line = json.loads(api["AccessLogSetting"]["Format"])
    assert line["resource"] == "$context.resourcePath"
    assert not {"$context.path", "$context.protocol"} & set(line.values())


def test_gateway_responses_use_the_openai_error_envelope(api):
    for name, (_, headers, error) in gateway_responses(api).items():
        assert set(error) == {"message", "type", "param", "code"}, name
        assert headers["x-retouch-billed"] in ("'no'", "'unknown'")
        assert headers["Access-Control-Allow-Origin"] == "'*'", (
            "Without it a web page cannot read the response."
        )


@pytest.mark.parametrize("name", NOT_RETRYABLE)
def test_gateway_responses_with_unknown_billing_forbid_retries(api, name):
    _, headers, _ = gateway_responses(api)[name]
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
def test_gateway_response_has_its_status_and_error_code(api, name, status, code):
    assert gateway_responses(api)[name][0] == status
    assert gateway_responses(api)[name][2]["code"] == code


@pytest.mark.parametrize(
    ("name", "error_response"),
    [
        ("REQUEST_TOO_LARGE", error_responses.BODY_TOO_LARGE),
        ("INTEGRATION_TIMEOUT", error_responses.GATEWAY_TIMEOUT),
        ("DEFAULT_5XX", error_responses.FUNCTION_FAILED),
    ],
)
def test_dev_server_errors_equal_the_template_gateway_responses(api, name, error_response):
    assert gateway_responses(api)[name][2] == json.loads(error_response.body)["error"]


def test_every_admin_path_leads_to_the_admin_function(resources):
    events = resources["AdminFunction"]["Properties"]["Events"].values()
    paths = [event["Properties"]["Path"] for event in events]
    patterns = [path_pattern(path) for path in paths]
    for _, path in ADMIN_ROUTES:
        assert any(pattern.fullmatch(path) for pattern in patterns), path
        assert find_route("GET", path).function == "admin"
    for path in paths:
        prefix = path.removesuffix("/{path+}")
        assert any(route[1].startswith(prefix) for route in ADMIN_ROUTES), path
    assert {event["Properties"]["Method"] for event in events} == {"ANY"}
    modes = {event["Properties"]["ResponseTransferMode"] for event in events}
    assert modes == {"RESPONSE_STREAM"}
