"""Tests that one edit sends the same remote check only once, over real sockets."""

import pytest

from retouch.core.clock import SystemClock
from retouch.core.url_policy.policy import FetchPolicy
from retouch.gateway.guardrails.runner import memoize_clients
from retouch.gateway.guardrails.types import (
    BedrockGuardrailRequest,
    CheckError,
    GuardrailClients,
    WebhookCheckRequest,
)
from retouch.infrastructure.fetch.webhook_check_client import WebhookCheckClient
from tests.support.upstream import Upstream, json_response

CLOCK = SystemClock()
ALLOW, REJECT = json_response({"verdict": True}), json_response({"verdict": False})


@pytest.fixture
def server():
    with Upstream(ALLOW, REJECT) as server:
        yield server


def guardrail_clients(server, bedrock=lambda review: {}):
    policy = FetchPolicy.from_text(server.url.removeprefix("http://"))
    return GuardrailClients(WebhookCheckClient(policy, CLOCK), bedrock, CLOCK)


def webhook_request(server, **options):
    return WebhookCheckRequest(
        **{"url": f"{server.url}/judge", "body": b"{}", "timeout_seconds": 3, **options}
    )


def test_equal_webhook_request_is_sent_once(server):
    memoized_clients = memoize_clients(guardrail_clients(server))
    first = memoized_clients.webhook(webhook_request(server, headers={"a": "b"}, signing_key=b"k"))
    assert first == memoized_clients.webhook(
        webhook_request(server, headers={"a": "b"}, signing_key=b"k")
    )
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "other",
    [{"body": b"[]"}, {"signing_key": b"k"}, {"headers": {"a": "b"}}, {"timeout_seconds": 2}],
    ids=str,
)
def test_different_webhook_request_is_sent_separately(server, other):
    memoized_clients = memoize_clients(guardrail_clients(server))
    assert memoized_clients.webhook(webhook_request(server)) != memoized_clients.webhook(
        webhook_request(server, **other)
    )
    assert len(server.received) == 2


def test_new_memo_sends_webhook_request_again(server):
    for _ in range(2):
        memoize_clients(guardrail_clients(server)).webhook(webhook_request(server))
    assert len(server.received) == 2


def test_failed_webhook_request_is_not_repeated():
    with Upstream(json_response({}, 500), ALLOW) as server:
        memoized_clients = memoize_clients(guardrail_clients(server))
        for _ in range(2):
            with pytest.raises(CheckError, match="status 200"):
                memoized_clients.webhook(webhook_request(server))
        assert len(server.received) == 1


def test_same_text_is_sent_to_bedrock_once(server):
    texts = []

    def bedrock(request):
        texts.append(request.text)
        return {"action": "NONE"}

    memoized_clients = memoize_clients(guardrail_clients(server, bedrock))
    for text in ("a", "b", "a"):
        assert memoized_clients.bedrock(BedrockGuardrailRequest("abc1", "1", text)) == {
            "action": "NONE"
        }
    assert texts == ["a", "b"]
