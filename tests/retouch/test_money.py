"""A retry never buys twice: what is sent again, what never, and what the caller is told."""

import pytest

from tests.support.door import edit, png
from tests.support.house import TestClock, build_house
from tests.support.pictures import b64, photo
from tests.support.upstream import Answer, Upstream, as_json, closed_port

OK = as_json({"created": 1, "data": [{"b64_json": b64(photo())}]})
FIELDS = {"model": "gpt-image-2", "prompt": "p", "image": png(photo())}


def buy(upstream, seconds=60.0, **env):
    clock = TestClock()
    settings = {"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": upstream.url, **env}
    answer = edit(FIELDS, house=build_house(settings, clock), seconds=seconds)
    return answer, clock


def error(code=None, status=500, message="no", **headers):
    return as_json({"error": {"message": message, "type": "x", "code": code}}, status, **headers)


@pytest.mark.parametrize(
    ("answer", "status", "code", "billed", "should_retry"),
    [
        (Answer(fault="reset"), 502, "provider_error", "unknown", "false"),
        (Answer(fault="early-reset"), 502, "provider_error", "unknown", "false"),
        (Answer(200, b"x" * 1000, fault="cut"), 502, "provider_error", "unknown", "false"),
        (Answer(200, b"<html>"), 502, "provider_error", "unknown", "false"),
        (as_json({"data": []}), 502, "no_image_returned", "unknown", "false"),
        (as_json({"data": [{}]}), 502, "no_image_returned", "unknown", "false"),
        (error(), 502, "provider_error", "unknown", "false"),
        (Answer(503, b"<html>busy</html>"), 502, "provider_error", "unknown", "false"),
        (Answer(504, b""), 504, "deadline_exceeded", "unknown", "false"),
        (
            Answer(302, b"", {"location": "http://127.0.0.1:1/"}),
            502,
            "provider_error",
            "unknown",
            "false",
        ),
        (
            error("rate_limit_exceeded", 429, **{"retry-after": "7"}),
            429,
            "rate_limit_exceeded",
            "no",
            None,
        ),
        (
            error("insufficient_quota", 429, **{"retry-after": "1"}),
            429,
            "insufficient_quota",
            "no",
            "false",
        ),
        (error("moderation_blocked", 400), 400, "moderation_blocked", "unknown", "false"),
        (error("invalid_api_key", 401), 500, "provider_credentials", "no", "false"),
        (error("invalid_value", 400), 400, "invalid_value", "no", "false"),
    ],
)
def test_one_call_whatever_happens(answer, status, code, billed, should_retry):
    with Upstream(answer, OK) as upstream:
        got, clock = buy(upstream)
        assert len(upstream.calls) == 1
    assert (got.status, got.json["error"]["code"]) == (status, code)
    assert got.headers["x-retouch-billed"] == billed
    assert got.headers.get("x-should-retry") == should_retry
    assert clock.slept == []


def test_rate_limit_keeps_retry_after():
    with Upstream(error("rate_limit_exceeded", 429, **{"retry-after": "7"})) as upstream:
        got, _ = buy(upstream)
    assert got.headers["retry-after"] == "7"


def test_short_retry_after_is_waited_for():
    limited = error("rate_limit_exceeded", 429, **{"retry-after": "3"})
    with Upstream(limited, OK) as upstream:
        got, clock = buy(upstream)
        assert len(upstream.calls) == 2
    assert got.status == 200
    assert clock.slept[0] >= 3


def test_retry_after_that_does_not_fit_the_deadline_is_not_waited_for():
    limited = error("rate_limit_exceeded", 429, **{"retry-after": "4"})
    with Upstream(limited, OK) as upstream:
        got, clock = buy(upstream, seconds=5.0)
        assert len(upstream.calls) == 1
    assert got.status == 429
    assert clock.slept == []


def test_overload_is_tried_three_times_at_most():
    with Upstream(error("server_is_overloaded", 503)) as upstream:
        got, _ = buy(upstream)
        assert len(upstream.calls) == 3
    assert got.headers["x-retouch-billed"] == "no"


def test_connect_failure_is_repeated_because_nothing_was_sent():
    clock = TestClock()
    env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"http://127.0.0.1:{closed_port()}"}
    got = edit(FIELDS, house=build_house(env, clock))
    assert got.status == 502
    assert got.json["error"]["code"] == "provider_unreachable"
    assert got.headers["x-retouch-billed"] == "no"
    assert "x-should-retry" not in got.headers
    assert len(clock.slept) == 2


def test_hanging_provider_ends_at_the_deadline():
    with Upstream(Answer(fault="hang")) as upstream:
        got, _ = buy(upstream, seconds=2.0, RETOUCH_LEAST_CALL_SECONDS="0.1")
        assert len(upstream.calls) == 1
    assert got.status == 504
    assert got.headers["x-retouch-billed"] == "unknown"
    assert got.headers["x-should-retry"] == "false"


def test_dripping_body_ends_at_the_deadline():
    drip = Answer(pieces=[b"x"] * 100, gap=0.1)
    with Upstream(drip) as upstream:
        got, _ = buy(upstream, seconds=2.2, RETOUCH_LEAST_CALL_SECONDS="0.1")
    assert got.status == 504
    assert got.headers["x-should-retry"] == "false"


def test_too_little_time_starts_nothing():
    with Upstream(OK) as upstream:
        got, _ = buy(upstream, seconds=1.5)
        assert upstream.calls == []
    assert got.status == 504
    assert got.headers["x-retouch-billed"] == "no"


@pytest.mark.parametrize(
    ("stage", "billed"), [("input", "no"), ("output", "unknown"), ("unknown", "unknown")]
)
def test_only_a_moderated_input_is_known_to_be_free(stage, billed):
    details = {"moderation_stage": stage, "categories": ["violence"]}
    body = {"error": {"code": "moderation_blocked", "message": "no", "moderation_details": details}}
    with Upstream(as_json(body, 400)) as upstream:
        got, _ = buy(upstream)
    assert got.json["error"]["moderation_details"] == details
    assert got.headers["x-retouch-billed"] == billed


def test_upstream_text_is_never_nested_json():
    nested = error("invalid_value", 400, message='{"error":{"message":"inner words"}}')
    with Upstream(nested) as upstream:
        got, _ = buy(upstream)
    assert got.json["error"]["message"] == "inner words"


@pytest.mark.parametrize("path", ["/gone.png", "http://127.0.0.1:1/other-host.png"])
def test_a_result_that_cannot_be_fetched_was_bought_all_the_same(path):
    with Upstream() as upstream:
        url = path if "://" in path else f"{upstream.url}{path}"
        upstream.answers = [as_json({"data": [{"url": url}]})]
        got, _ = buy(upstream)
        assert len(upstream.calls) == 1
    assert got.status >= 400
    assert got.headers["x-retouch-billed"] == "unknown"
    assert got.headers["x-should-retry"] == "false"


def test_compressed_answer_is_refused():
    with Upstream(Answer(200, b"{}", {"content-encoding": "gzip"})) as upstream:
        got, _ = buy(upstream)
    assert got.status == 502
