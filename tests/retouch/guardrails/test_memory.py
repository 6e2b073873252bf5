"""One request asks the same only once, over real sockets."""

import pytest

from retouch.clock import SystemClock
from retouch.edges.fetch.webhook import Webhook
from retouch.guard.policy import Policy
from retouch.guardrails import CheckError, Letter, Review, Tools, asked_once
from tests.support.upstream import Upstream, as_json

CLOCK = SystemClock()
YES, NO = as_json({"verdict": True}), as_json({"verdict": False})


@pytest.fixture
def server():
    with Upstream(YES, NO) as server:
        yield server


def tools(server, bedrock=lambda review: {}):
    policy = Policy.from_text(server.url.removeprefix("http://"))
    return Tools(Webhook(policy, CLOCK), bedrock, CLOCK)


def letter(server, **options):
    return Letter(**{"url": f"{server.url}/judge", "body": b"{}", "seconds": 3, **options})


def test_the_same_letter_is_sent_once(server):
    once = asked_once(tools(server))
    first = once.webhook(letter(server, headers={"a": "b"}, key=b"k"))
    assert first == once.webhook(letter(server, headers={"a": "b"}, key=b"k"))
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "other",
    [{"body": b"[]"}, {"key": b"k"}, {"headers": {"a": "b"}}, {"seconds": 2}],
    ids=str,
)
def test_another_letter_is_another_question(server, other):
    once = asked_once(tools(server))
    assert once.webhook(letter(server)) != once.webhook(letter(server, **other))
    assert len(server.received) == 2


def test_the_next_request_asks_again(server):
    for _ in range(2):
        asked_once(tools(server)).webhook(letter(server))
    assert len(server.received) == 2


def test_who_gave_no_answer_is_not_asked_again():
    with Upstream(as_json({}, 500), YES) as server:
        once = asked_once(tools(server))
        for _ in range(2):
            with pytest.raises(CheckError, match="status 200"):
                once.webhook(letter(server))
        assert len(server.received) == 1


def test_bedrock_is_paid_once_for_the_same_text(server):
    texts = []

    def bedrock(review):
        texts.append(review.text)
        return {"action": "NONE"}

    once = asked_once(tools(server, bedrock))
    for text in ("a", "b", "a"):
        assert once.bedrock(Review("abc1", "1", text)) == {"action": "NONE"}
    assert texts == ["a", "b"]
