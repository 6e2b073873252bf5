"""Every provider failure gives the caller an OpenAI error envelope, the right status and the right billing state."""

import logging

import pytest

from tests.contract.registry import (
    PAID_PROVIDERS,
    make_standin,
    parameter_id,
    provider_failures,
)
from tests.contract.runner import send_request, services_for
from tests.contract.sample_requests import PROMPT, first_request
from tests.support.upstream import ScriptedResponse, json_response

CASES = [(p, name) for p in PAID_PROVIDERS for name in provider_failures(p)]


@pytest.mark.parametrize(("provider", "name"), CASES, ids=parameter_id)
def test_provider_failure_returns_expected_error_and_billing(provider, name, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    with make_standin(provider) as server:
        failure = server.failures()[name]
        server.fail_with(failure)
        outcome = send_request(first_request(provider), services=services_for(server))
    assert outcome.error is not None, "a failure was reported as success"
    assert {"message", "type", "param", "code"} <= outcome.error.keys()
    assert outcome.error["message"]
    actual = (outcome.status, outcome.error["code"], outcome.headers["x-retouch-billed"])
    assert actual == (failure.status, failure.code, failure.billed)
    assert outcome.headers.get("x-should-retry") == expected_should_retry(
        failure, outcome.error["type"]
    )
    assert len(server.calls) == failure.expected_calls
    assert_secrets_hidden(server, outcome, capsys, caplog)


def expected_should_retry(failure, type):
    """Return the expected x-should-retry header, or None when the SDK's own rule decides.

    The header is "false" when the call may have been billed, or when a retry cannot help. The SDK decides after a rate
    limit, and after a provider error that occurred before the provider began.
    """
    is_rate_limit = failure.status == 429 and type != "insufficient_quota"
    is_gateway_failure = failure.status in (502, 504)
    return None if failure.billed == "no" and (is_rate_limit or is_gateway_failure) else "false"


@pytest.mark.parametrize("provider", PAID_PROVIDERS, ids=parameter_id)
@pytest.mark.parametrize("status", [500, 502, 503])
def test_call_with_5xx_response_is_not_retried(provider, status):
    headers = {"content-type": "text/html", "retry-after": "1"}
    with make_standin(provider) as server:
        server.failure_responses = [
            ScriptedResponse(status, b"<html>Service Unavailable</html>", headers)
        ]
        outcome = send_request(first_request(provider), services=services_for(server))
        assert len(server.calls) == 1
    assert outcome.headers["x-retouch-billed"] == "unknown"
    assert outcome.headers["x-should-retry"] == "false"


def assert_secrets_hidden(server, outcome, capsys, caplog):
    """Assert that the key and the prompt are in no output, log, error or header."""
    printed = capsys.readouterr()
    visible_texts = (
        printed.out,
        printed.err,
        caplog.text,
        str(outcome.error),
        str(outcome.headers),
    )
    for text in visible_texts:
        assert server.key not in text
        assert PROMPT not in text


@pytest.mark.parametrize("provider", PAID_PROVIDERS, ids=parameter_id)
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500])
def test_key_echoed_by_provider_is_not_disclosed(provider, status, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    with make_standin(provider) as server:
        echo = f"no {server.key} is good"
        fields = dict.fromkeys(("message", "detail", "id", "name", "code", "type", "status"), echo)
        body = {**fields, "error": {**fields, "details": [fields]}, "errors": [echo]}
        server.failure_responses = [json_response(body, status, **{"x-request-id": server.key})]
        outcome = send_request(first_request(provider), services=services_for(server))
    assert outcome.error is not None
    assert_secrets_hidden(server, outcome, capsys, caplog)


@pytest.mark.parametrize("provider", PAID_PROVIDERS, ids=parameter_id)
@pytest.mark.parametrize(
    "response",
    [ScriptedResponse(200, b""), json_response({}), json_response([]), json_response(None)],
    ids=lambda response: repr(response.body),
)
def test_empty_provider_response_returns_server_error(provider, response):
    with make_standin(provider) as server:
        server.failure_responses = [response]
        outcome = send_request(first_request(provider), services=services_for(server))
    assert outcome.status >= 500
    assert outcome.headers["x-retouch-billed"] == "unknown"


@pytest.mark.parametrize("provider", PAID_PROVIDERS, ids=parameter_id)
def test_successful_edit_does_not_disclose_key(provider, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    with make_standin(provider) as server:
        outcome = send_request(first_request(provider), services=services_for(server))
    assert outcome.error is None
    assert_secrets_hidden(server, outcome, capsys, caplog)
