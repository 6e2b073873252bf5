"""The circuit breaker in the corridor: who shares a circuit, what a probe may be, and what an open circuit costs."""

import json
import time
from contextlib import ExitStack

import pytest

from retouch.edges.door import build
from tests.support.door import edit, png, telemetry
from tests.support.events import context, form_event
from tests.support.house import Cupboard, TestClock, build_house
from tests.support.pictures import b64, hole, photo
from tests.support.upstream import Answer, Upstream, as_events, as_json

GOOD = as_json({"created": 1, "data": [{"b64_json": b64(photo())}]})
BUSY = as_json({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429)
BROKEN = as_json({"error": {"message": "oops"}}, 500)
WRONG_KEY = as_json({"error": {"message": "bad key", "code": "invalid_api_key"}}, 401)
STREAMED = {"b64_json": b64(photo()), "created_at": 1, "output_format": "png"}
DONE = {"type": "image_edit.completed", **STREAMED}
PARTIAL = {"type": "image_edit.partial_image", **STREAMED, "partial_image_index": 0}
FIELDS = {"prompt": "p", "image": png(photo()), "model": "gpt-image-2"}
LOCAL = {"provider": "local", "override_params": {"model": "local/erase"}}


class Clock(TestClock):
    """Unix time that goes only where it is told to."""

    def unix(self):
        return 1_800_000_000 + int(self.skipped)


@pytest.fixture
def world():
    """Two providers, and the house in front of them."""
    with ExitStack() as stack:
        one, two = stack.enter_context(Upstream(GOOD)), stack.enter_context(Upstream(GOOD))
        yield one, two, house_of(one, two)


def house_of(one, two, **env):
    addresses = {"OPENAI_BASE_URL": one.url, "AZURE_OPENAI_ENDPOINT": two.url}
    keys = {"OPENAI_API_KEY": "sk-op", "AZURE_OPENAI_API_KEY": "az-op"}
    return build_house({**addresses, **keys, **env}, Clock())


def ask(house, config=None, fields=(), **headers):
    named = {f"x-portkey-{name.replace('_', '-')}": value for name, value in headers.items()}
    if config:
        named["x-portkey-config"] = json.dumps(config)
    return edit({**FIELDS, **dict(fields)}, headers=named, house=house)


def shut(one, house):
    """Five failures: the circuit is open."""
    one.answers = [BROKEN]
    for _ in range(5):
        ask(house)
    assert house.breaker.state() == {"openai": "open"}


def code(answer):
    return answer.status, answer.json["error"]["code"]


@pytest.mark.parametrize("key", [{"api_key": "mine"}, {}], ids=["own key", "gateway's key"])
def test_a_custom_host_shuts_nothing_and_is_not_shut(key):
    with Upstream(GOOD) as one, Upstream(BROKEN) as two:
        host = f"{two.url}/v1"
        house = house_of(one, one, RETOUCH_CUSTOM_HOSTS=host)
        for _ in range(6):
            answer = ask(house, provider="openai", custom_host=host, **key)
            assert code(answer) == (502, "provider_error")
        assert ask(house).status == 200


def test_the_callers_own_key_at_the_usual_address_counts(world):
    one, _, house = world
    one.answers = [BROKEN]
    for _ in range(5):
        ask(house, provider="openai", api_key="mine")
    assert code(ask(house)) == (503, "provider_circuit_open")


@pytest.mark.parametrize("answer", [WRONG_KEY, BUSY], ids=["wrong key", "busy"])
def test_any_answer_to_a_probe_closes_it(world, answer):
    one, _, house = world
    shut(one, house)
    house.clock.skipped += 31
    one.answers = [answer]
    ask(
        house,
        {"provider": "openai", "api_key": "wrong", "retry": {"attempts": 1, "on_status_codes": []}},
    )
    one.answers = [GOOD]
    assert ask(house).status == 200
    assert house.breaker.state() == {"openai": "closed"}


def test_a_hasty_callers_probe_is_the_next_ones(world):
    one, _, house = world
    shut(one, house)
    house.clock.skipped += 31
    one.answers = [Answer(fault="hang")]
    assert ask(house, provider="openai", request_timeout="200").status == 408
    assert house.breaker.state() == {"openai": "half-open"}
    one.answers = [GOOD]
    assert ask(house).status == 200
    assert house.breaker.state() == {"openai": "closed"}


STREAM = {"stream": "true", "partial_images": "1"}


def test_streams_are_counted_and_refused(world):
    one, _, house = world
    one.answers = [BROKEN]
    for _ in range(5):
        assert code(ask(house, fields=STREAM)) == (502, "provider_error")
    assert house.breaker.state() == {"openai": "open"}
    asked = len(one.calls)
    refused = ask(house, fields=STREAM)
    assert code(refused) == (503, "provider_circuit_open")
    assert refused.headers["x-retouch-billed"] == "no"
    assert len(one.calls) == asked


def test_a_stream_that_breaks_after_its_first_picture_has_failed(world):
    one, _, house = world
    one.answers = [as_events(PARTIAL, {"type": "error", "error": {"message": "boom"}})]
    for _ in range(5):
        answer = ask(house, fields=STREAM)
        assert [name for name, _ in answer.frames] == ["image_edit.partial_image", "error"]
    assert house.breaker.state() == {"openai": "open"}


def test_a_stream_may_be_the_probe(world):
    one, _, house = world
    shut(one, house)
    house.clock.skipped += 31
    one.answers = [as_events(DONE)]
    assert ask(house, fields=STREAM).status == 200
    assert house.breaker.state() == {"openai": "closed"}


def test_a_stream_that_nobody_reads_gives_its_probe_back(world):
    one, _, house = world
    shut(one, house)
    house.clock.skipped += 31
    one.answers = [as_events(PARTIAL, PARTIAL, DONE, gap=0.05)]
    dropped = dropped_after_the_first_frame(house)
    assert dropped.startswith(b"event: image_edit.partial_image")
    one.answers = [as_events(DONE)]
    assert eventually(lambda: house.breaker.state() == {"openai": "half-open"})
    assert ask(house, fields=STREAM).status == 200


def dropped_after_the_first_frame(house):
    handler = build(house, lambda: None, telemetry())
    body = handler(form_event({**FIELDS, **STREAM}), context())["body"]
    first = next(body)
    body.close()
    return first


def eventually(true):
    """Whether it comes to pass within a time that no machine needs."""
    ends = time.monotonic() + 20
    while not true() and time.monotonic() < ends:
        time.sleep(0.02)
    return true()


def test_an_open_circuit_is_not_waited_for(world):
    one, _, house = world
    shut(one, house)
    asked = len(one.calls)
    answer = ask(house, {"provider": "openai", "retry": {"attempts": 3}})
    assert code(answer) == (503, "provider_circuit_open")
    assert answer.headers["x-portkey-retry-attempt-count"] == "0"
    targets = [{"provider": "openai", "retry": {"attempts": 3}}, LOCAL]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    assert ask(house, config, {"mask": png(hole())}).status == 200
    assert (len(one.calls), house.clock.slept) == (asked, [])


def test_an_open_circuit_is_waited_for_where_it_ends_before_the_retry(world):
    one, _, house = world
    shut(one, house)
    house.clock.skipped += 29
    one.answers = [GOOD]
    answer = ask(house, {"provider": "openai", "retry": {"attempts": 3}})
    assert answer.status == 200
    assert answer.headers["x-portkey-retry-attempt-count"] == "1"
    assert house.clock.slept == [1.0]


def test_an_answer_from_the_cache_asks_no_circuit(world):
    one, _, _ = world
    env = {"OPENAI_BASE_URL": one.url, "OPENAI_API_KEY": "k"}
    house = build_house(env, Clock(), cache=Cupboard())
    config = {"provider": "openai", "cache": {"mode": "simple"}}
    assert ask(house, config).status == 200
    shut(one, house)
    assert ask(house, config).headers["x-portkey-cache-status"] == "HIT"


def test_a_dry_run_is_no_probe(world):
    one, _, house = world
    shut(one, house)
    house.clock.skipped += 31
    assert ask(house, fields={"dry_run": "true"}).status == 200
    assert house.breaker.state() == {"openai": "half-open"}
