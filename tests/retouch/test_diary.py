"""The provider's own ids of what it was asked, on the way back to the caller."""

import pytest

from retouch.diary import Diary
from retouch.messages import Call, Reply
from retouch.plan.connect import lone_target
from retouch.providers import PROVIDERS
from tests.support.door import edit, png
from tests.support.house import Cupboard, build_house
from tests.support.pictures import b64, hole, photo
from tests.support.upstream import Upstream, as_events, as_json

IDS, MS = "x-retouch-upstream-request-id", "x-retouch-upstream-processing-ms"
FIELDS = {"prompt": "p", "image": png(photo()), "model": "gpt-image-2"}
DONE = {"type": "image_edit.completed", "b64_json": b64(photo()), "created_at": 1}


def good(**headers):
    return as_json({"created": 1, "data": [{"b64_json": b64(photo())}]}, **named(headers))


def broken(status=500, **headers):
    return as_json({"error": {"message": "oops"}}, status, **named(headers))


def named(headers):
    return {name.replace("_", "-"): value for name, value in headers.items()}


def buy(upstream, fields=(), house=None, **headers):
    env = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"}
    return edit({**FIELDS, **dict(fields)}, headers=named(headers), house=house or build_house(env))


def test_it_is_beside_the_gateways_own():
    with Upstream(good(x_request_id="up-1", openai_processing_ms="812")) as upstream:
        answer = buy(upstream)
    assert (answer.status, answer.headers["x-request-id"]) == (200, "req-test")
    assert (answer.headers[IDS], answer.headers[MS]) == ("up-1", "812")


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_errors_have_it_too(status):
    with Upstream(broken(status, x_request_id="up-2")) as upstream:
        answer = buy(upstream)
    assert answer.status >= 400
    assert answer.headers[IDS] == "up-2"


@pytest.mark.parametrize("name", ["apim_request_id", "x_amzn_RequestId"])
def test_other_names_for_it(name):
    with Upstream(good(**{name: "up-3"})) as upstream:
        assert buy(upstream).headers[IDS] == "up-3"


@pytest.mark.parametrize("status", [200, 400])
def test_one_that_has_the_key_in_it_is_not_shown(status):
    answer = good(x_request_id="up-k-1") if status == 200 else broken(400, x_request_id="up-k-1")
    with Upstream(answer) as upstream:
        given = buy(upstream)
    assert given.status == status
    assert IDS not in given.headers


def test_a_stream_has_it():
    events = as_events(DONE)
    events.headers["x-request-id"] = "up-4"
    with Upstream(events) as upstream:
        answer = buy(upstream, {"stream": "true"})
    assert (answer.frames[-1][0], answer.headers[IDS]) == ("image_edit.completed", "up-4")


def test_every_order_of_an_edit_is_named():
    with Upstream(
        broken(429, x_request_id="up-5", retry_after="0"), good(x_request_id="up-6")
    ) as one:
        assert buy(one).headers[IDS] == "up-5, up-6"


@pytest.mark.parametrize("value", ["a b", "x" * 129, "caf\u00e9", ""])
def test_what_is_not_fit_for_a_header_is_left_out(value):
    with Upstream(good(x_request_id=value, openai_processing_ms="fast")) as upstream:
        answer = buy(upstream)
    assert answer.status == 200
    assert answer.headers.keys().isdisjoint({IDS, MS})


def test_an_answer_from_the_cache_has_none():
    with Upstream(good(x_request_id="up-7")) as upstream:
        env = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"}
        house = build_house(env, cache=Cupboard())
        config = {"x_portkey_config": '{"cache": {"mode": "simple"}}'}
        assert buy(upstream, house=house, **config).headers[IDS] == "up-7"
        hit = buy(upstream, house=house, **config)
    assert hit.headers["x-portkey-cache-status"] == "HIT"
    assert IDS not in hit.headers


def test_an_edit_that_asks_nobody_has_none():
    answer = edit({"prompt": "p", "image": png(photo()), "mask": png(hole())})
    assert answer.status == 200
    assert IDS not in answer.headers


def heard(*calls):
    """What the diary says after these calls, answered with the ids 0, 1, 2..."""
    diary = Diary("p")
    numbers = iter(range(len(calls)))
    send = diary.listening(lambda *_: Reply(200, {"x-request-id": str(next(numbers))}))
    target = lone_target(next(provider for provider in PROVIDERS if provider.paid))
    for call in calls:
        send(call, target, 0.0)
    return diary.headers[IDS]


ORDER, POLL = Call("POST", "/order"), Call("GET", "/poll", repeatable=True)


def test_polls_are_no_orders():
    assert heard(ORDER, POLL, ORDER, POLL) == "0, 2"


def test_the_last_ten_are_shown():
    assert heard(*[ORDER] * 12) == ", ".join(map(str, range(2, 12)))
