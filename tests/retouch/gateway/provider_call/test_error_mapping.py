"""Tests of the error that a caller gets for a provider's response: missing money, the provider's words, Retry-After."""

from dataclasses import replace

import pytest

from retouch.core.errors import GatewayMisconfigured, OutOfQuota, RejectedByProvider, UpstreamError
from retouch.core.provider_protocol import ProviderResponse
from retouch.gateway.provider_call.error_mapping import (
    MAX_RETRY_AFTER,
    fault_from_response,
    parse_retry_after,
)
from retouch.planning.connection import provider_target
from retouch.providers import PROVIDERS
from tests.support.upstream import ScriptedResponse, json_response

PROVIDERS_BY_NAME = {provider.name: provider for provider in PROVIDERS}
PAID = [provider.name for provider in PROVIDERS if provider.is_paid]


def fault_for(name, scripted, key="k", is_client_key=False):
    target = provider_target(PROVIDERS_BY_NAME[name])
    resolved = replace(target, key=key, is_client_key=is_client_key)
    headers = {header.lower(): value for header, value in scripted.headers.items()}
    return fault_from_response(resolved, ProviderResponse(scripted.status, headers, scripted.body))


def openai_error(status, **fields):
    return json_response({"error": {"message": "No money.", **fields}}, status)


def google_error(status, message, *details, name="RESOURCE_EXHAUSTED"):
    error = {"code": status, "message": message, "status": name, "details": list(details)}
    return json_response({"error": error}, status)


def quota(**violation):
    failure = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
    return google_error(429, "Quota exceeded.", failure)


def bedrock_error(status, kind, message):
    return json_response({"message": message}, status, **{"x-amzn-errortype": f"{kind}:http://x"})


CAP_MESSAGE = "Your billing account has exceeded its monthly spending cap."
UNPAID = [
    ("openai", openai_error(400, code="billing_hard_limit_reached", type="invalid_request_error")),
    ("openai", openai_error(400, code="x", type="billing_limit_user_error")),
    ("openai", openai_error(429, code="billing_not_active", type="billing_not_active")),
    ("openai", openai_error(429, code=None, type="insufficient_quota")),
    ("azure-openai", openai_error(429, code="insufficient_quota")),
    ("azure-openai", openai_error(403, code="ReadOnlyDisabledSubscription")),
    ("azure-openai", json_response({"error": {"code": "403", "message": "Out of call volume quota."}}, 403)),
    ("google", google_error(429, CAP_MESSAGE)),
    ("google", google_error(429, "Quota exceeded for metric: x, limit: 0, model: y.")),
    ("google", quota(quotaId="RequestsPerMinute", quotaValue="0")),
    ("google", quota(quotaId="RequestsPerMinute", quotaValue=0)),
    ("google", quota(quotaId="RequestsPerMonthPerProject", quotaValue="5")),
    ("google", google_error(402, "Your prepaid credits are depleted.")),
    ("google", google_error(400, "Please enable billing.", name="FAILED_PRECONDITION")),
    ("google", google_error(403, "This API method requires billing to be enabled.", name="PERMISSION_DENIED")),
    ("vertex-ai", google_error(429, CAP_MESSAGE)),
    ("stability-ai", json_response({"name": "payment_required", "errors": ["no"]}, 402)),
    ("stability-ai", json_response({"name": "insufficient_balance", "message": "no"}, 429)),
    ("bedrock", bedrock_error(400, "ServiceQuotaExceededException", "used up")),
    ("bedrock", bedrock_error(403, "AccessDeniedException",
        "Model access is denied due to INVALID_PAYMENT_INSTRUMENT: A valid payment instrument must be provided.")),
    ("bedrock", bedrock_error(429, "ThrottlingException", "Too many requests per day, please wait.")),
    ("fireworks-ai", json_response({"error": "Account is suspended, possibly due to reaching the monthly spending"
        " limit or failure to pay past invoices."}, 412)),
    ("segmind", json_response({"error": "Insufficient credits"}, 406)),
    ("segmind", json_response({"error": "Insufficient credits"}, 403)),
    ("black-forest-labs", json_response({"detail": "Insufficient credits"}, 402)),
    ("reka-ai", json_response({"detail": "P001: Insufficient Balance"}, 403)),
    *((name, ScriptedResponse(402, b"<h1>Payment Required</h1>", {"content-type": "text/html"})) for name in PAID),
    *((name, ScriptedResponse(429, b"Your account does not have enough credits.", {})) for name in PAID),
]  # fmt: skip


@pytest.mark.parametrize(("name", "scripted"), UNPAID)
def test_missing_money_is_insufficient_quota_and_not_retried(name, scripted):
    scripted = replace(scripted, headers={**scripted.headers, "retry-after": "1"})
    fault = fault_for(name, scripted)
    assert type(fault) is OutOfQuota
    assert (fault.status, fault.type, fault.code) == (429, *["insufficient_quota"] * 2)
    assert (fault.billed, fault.should_retry, fault.retry_after) == ("no", False, None)


@pytest.mark.parametrize(
    ("name", "scripted"),
    [
        ("google", quota(quotaId="RequestsPerMinute", quotaValue=None)),
        ("google", quota(quotaId="RequestsPerMinute", quotaValue=["0"])),
        ("google", quota(quotaId="RequestsPerMinute", quotaValue="10")),
        ("google", quota(quotaId="RequestsPerMinute", quotaValue=False)),
        ("google", google_error(429, "Quota exceeded, limit: 0.5. Check your plan and billing details.")),
        ("openai", openai_error(429, code="rate_limit_exceeded", type="requests")),
        ("segmind", json_response({"error": "Rate limit exceeded"}, 429)),
        ("bedrock", bedrock_error(429, "ThrottlingException", "Too many requests, please wait.")),
    ],
)  # fmt: skip
def test_rate_limit_is_no_missing_money(name, scripted):
    fault = fault_for(name, scripted)
    assert (fault.code, fault.should_retry) == ("rate_limit_exceeded", None)


def test_words_of_the_caller_in_a_400_are_no_missing_money():
    fault = fault_for("openai", openai_error(400, message="Invalid prompt: 'insufficient credits'"))
    assert type(fault) is RejectedByProvider


@pytest.mark.parametrize("name", PAID)
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"detail": [{"loc": ["body"], "msg": "the words"}]}', "application/json"),
        (b'{"message": "the words"}', "application/json"),
        ('{"message": "the words"}'.encode("utf-16"), "application/json"),
        (b"the words", "text/plain"),
        (b"the words", ""),
        (b"<html><style>p{}</style><h1>the&nbsp;words</h1></html>", "text/html"),
        (b"<Error><Code>X</Code><Message>the words</Message></Error>", "application/xml"),
    ],
)
@pytest.mark.parametrize("status", [400, 422, 429, 500, 503])
def test_words_of_the_provider_reach_the_caller(name, body, content_type, status):
    fault = fault_for(name, ScriptedResponse(status, body, {"content-type": content_type}))
    assert "the words" in str(fault)


@pytest.mark.parametrize("name", PAID)
def test_words_about_the_own_key_reach_its_owner_only(name):
    words = "Key K-99 expired."
    scripted = json_response({"error": {"message": words}, "detail": words}, 401)
    own = fault_for(name, scripted, key="K-99", is_client_key=True)
    assert "Key [key] expired." in str(own)
    operators = fault_for(name, scripted, key="K-99")
    assert type(operators) is GatewayMisconfigured
    assert "expired" not in str(operators)


def test_long_page_does_not_disclose_part_of_a_key():
    key = "key-" + "0123456789" * 4
    page = f"<p>{'word ' * 58}{key}</p>".encode()
    text = str(fault_for("openai", ScriptedResponse(500, page, {}), key=key))
    assert "key-0" not in text


def test_binary_body_has_no_words():
    fault = fault_for("openai", ScriptedResponse(500, b"\x89PNG\0\0", {}))
    assert type(fault) is UpstreamError
    assert str(fault) == "OpenAI responded with 500."


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 6.5 "}, 6.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": f"Mon, 30 Nov {'9' * 20} 12:00:30 GMT"}, None),
        ({"retry-after": "7²"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "9" * 400}, MAX_RETRY_AFTER),
        ({"retry-after-ms": "9" * 400}, MAX_RETRY_AFTER),
        ({"retry-after-ms": "6500", "retry-after": "60"}, 6.5),
        ({"x-ms-retry-after-ms": "1"}, 0.001),
        ({"retry-after-ms": "-1", "retry-after": "60"}, 60),
        ({"retry-after": "Mon, 30 Nov 2026 12:00:30 GMT", "date": "Mon, 30 Nov 2026 12:00:00 GMT"}, 30),
        ({"retry-after": "Mon, 30 Nov 2026 12:00:30 -0000", "date": "Mon, 30 Nov 2026 12:00:00 GMT"}, 30),
        ({"retry-after": "Mon, 30 Nov 2026 11:00:00 GMT", "date": "Mon, 30 Nov 2026 12:00:00 GMT"}, 0),
        ({"retry-after": "Mon, 30 Nov 2000 11:00:00 GMT", "date": "then"}, 0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, MAX_RETRY_AFTER),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_every_form(headers, seconds):
    assert parse_retry_after(headers) == seconds
