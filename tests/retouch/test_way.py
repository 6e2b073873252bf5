"""What an answer says of the way to it: every attempt and its bill, who served, the cache, whose fault it was."""

import json
from contextlib import ExitStack

import pytest

from retouch.respond import routed
from retouch.routing.run import Attempt, Outcome
from retouch.routing.tree import Leaf
from retouch.wire.answer import Answer as Answered
from retouch.wire.portkey import Portkey
from tests.support.door import edit, knock, png
from tests.support.events import event, json_event
from tests.support.house import Cupboard, build_house
from tests.support.pictures import b64, hole, photo
from tests.support.upstream import Answer, Upstream, as_events, as_json

GOOD = as_json({"created": 1, "data": [{"b64_json": b64(photo())}]})
BUSY = as_json({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429)
BROKEN = as_json({"error": {"message": "oops"}}, 500)
STREAMED = {"b64_json": b64(photo()), "created_at": 1, "output_format": "png"}
DONE = {"type": "image_edit.completed", **STREAMED}
PARTIAL = {"type": "image_edit.partial_image", **STREAMED, "partial_image_index": 0}
FIELDS = {"prompt": "p", "image": png(photo()), "model": "gpt-image-2"}
A = {"provider": "openai", "api_key": "sk-a"}
B = {"provider": "azure-openai", "api_key": "az-b"}
KEPT = {**A, "cache": {"mode": "simple"}}
LOCAL = {"provider": "local", "override_params": {"model": "local/erase"}}
FAILING = {"default.contains": {"words": ["passport"], "operator": "none"}}


@pytest.fixture
def world():
    with ExitStack() as stack:
        one, two = stack.enter_context(Upstream(GOOD)), stack.enter_context(Upstream(GOOD))
        env = {"OPENAI_BASE_URL": one.url, "AZURE_OPENAI_ENDPOINT": two.url}
        yield one, two, build_house(env, cache=Cupboard())


def ask(world, config=None, fields=(), house=None, **headers):
    named = {f"x-portkey-{name.replace('_', '-')}": value for name, value in headers.items()}
    if config:
        named["x-portkey-config"] = json.dumps(config)
    return edit({**FIELDS, **dict(fields)}, headers=named, house=house or world[2])


def fallback(*targets, **strategy):
    return {"strategy": {"mode": "fallback", **strategy}, "targets": list(targets)}


def bill(answer):
    return answer.headers["x-retouch-billed"], answer.headers.get("x-retouch-attempts")


class TestBill:
    def test_one_attempt_needs_no_list(self, world):
        assert bill(ask(world, A)) == ("yes", None)

    def test_a_free_answer_does_not_hide_what_may_have_been_bought(self, world):
        world[0].answers = [BROKEN]
        answer = ask(world, fallback(A, LOCAL, on_status_codes=[500]), {"mask": png(hole())})
        assert answer.status == 200
        assert bill(answer) == ("unknown", "targets[0]=502;unknown, targets[1]=200;no")

    def test_nor_does_one_after_a_timeout(self, world):
        world[0].answers = [Answer(fault="hang")]
        config = {**fallback(A, LOCAL, on_status_codes=[408]), "request_timeout": 300}
        answer = ask(world, config, {"mask": png(hole())})
        assert bill(answer) == ("unknown", "targets[0]=408;unknown, targets[1]=200;no")

    def test_nor_does_one_from_the_cache(self, world):
        assert ask(world, KEPT).headers["x-portkey-cache-status"] == "MISS"
        world[0].answers = [BROKEN]
        first = {**A, "override_params": {"quality": "low"}}
        answer = ask(world, fallback(first, KEPT, on_status_codes=[500]))
        assert answer.headers["x-portkey-cache-status"] == "HIT"
        assert bill(answer) == ("unknown", "targets[0]=502;unknown, targets[1]=200;no")

    def test_what_was_free_is_said_to_be(self, world):
        world[0].answers = [BUSY]
        answer = ask(world, fallback(A, LOCAL), {"mask": png(hole())})
        assert bill(answer) == ("no", "targets[0]=429;no, targets[1]=200;no")

    def test_retries_are_on_the_list(self, world):
        world[0].answers = [BUSY, BUSY, GOOD]
        answer = ask(world, {**A, "retry": {"attempts": 2}})
        assert bill(answer) == ("yes", "config=429;no, config=429;no, config=200;yes")

    def test_the_cost_is_that_of_the_answer_alone(self, world):
        world[0].answers = [BROKEN, GOOD]
        config = {**A, "retry": {"attempts": 1, "may_buy_twice": True}}
        answer = ask(world, config)
        assert bill(answer) == ("yes", "config=502;unknown, config=200;yes")
        assert answer.headers["x-retouch-cost-usd"] == "0.053 estimated"

    def test_when_all_fail_the_list_is_there_too(self, world):
        world[0].answers = [BROKEN]
        world[1].answers = [BUSY]
        answer = ask(world, fallback(A, B, on_status_codes=[500]))
        assert answer.status == 429
        assert bill(answer) == ("unknown", "targets[0]=502;unknown, targets[1]=429;no")

    def test_a_stream_has_it(self, world):
        world[0].answers = [BUSY]
        world[1].answers = [as_events(DONE)]
        answer = ask(world, fallback(A, B), {"stream": "true"})
        assert bill(answer) == ("yes", "targets[0]=429;no, targets[1]=200;yes")

    def test_the_log_has_the_bill_of_every_attempt(self, world, capsys):
        world[0].answers = [BUSY]
        ask(world, fallback(A, B))
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        (line,) = [line for line in lines if line.get("message") == "request"]
        assert [one["billed"] for one in line["attempts"]] == ["no", "yes"]

    def test_a_long_way_is_told_by_its_end(self):
        attempts = tuple(Attempt(f"config.targets[{n}]", 429, None, "no") for n in range(40))
        found = Answered(200, {"x-retouch-billed": "yes"}, b"{}")
        outcome = Outcome(found, Leaf("config.targets[39]"), 0, attempts)
        listed = routed(found, outcome, Portkey()).headers["x-retouch-attempts"].split(", ")
        assert (len(listed), listed[0], listed[-1]) == (
            16,
            "targets[24]=429;no",
            "targets[39]=200;yes",
        )


class TestProvider:
    def test_a_virtual_key_is_not_a_provider(self, world):
        one = world[0]
        text = json.dumps({"oa": {"provider": "openai", "api_key": "k"}})
        house = build_house({"OPENAI_BASE_URL": one.url, "RETOUCH_VIRTUAL_KEYS": text})
        answer = ask(world, {"provider": "@oa"}, house=house)
        assert answer.headers["x-portkey-provider"] == "openai"
        one.answers = [BROKEN]
        assert (
            ask(world, {"provider": "@oa"}, house=house).headers["x-portkey-provider"] == "openai"
        )

    def test_an_error_says_who_failed(self, world):
        world[0].answers = [BROKEN]
        answer = ask(world, provider="openai", api_key="k")
        assert (answer.status, answer.headers["x-portkey-provider"]) == (502, "openai")

    def test_nobody_is_named_where_nobody_was_found(self, world):
        answer = ask(world, provider="openai", api_key="k", config=None, fields={"model": "nope"})
        assert answer.status == 404
        assert "x-portkey-provider" not in answer.headers


class TestCache:
    @pytest.mark.parametrize(
        ("headers", "said"), [({}, "MISS"), ({"cache_force_refresh": "true"}, "REFRESH")]
    )
    def test_an_error_after_the_look_says_how_it_went(self, world, headers, said):
        world[0].answers = [BROKEN]
        answer = ask(world, KEPT, **headers)
        assert (answer.status, answer.headers["x-portkey-cache-status"]) == (502, said)

    def test_a_denied_hit_is_a_hit(self, world):
        ask(world, KEPT)
        tiny = {"retouch.output": {"maxMegapixels": 0.000001}, "deny": True}
        answer = ask(world, {**KEPT, "output_guardrails": [tiny]})
        assert (answer.status, answer.headers["x-portkey-cache-status"]) == (446, "HIT")
        assert answer.headers["x-retouch-billed"] == "no"

    def test_what_is_kept_costs_nothing(self, world):
        first, again = ask(world, KEPT), ask(world, KEPT)
        assert first.headers["x-retouch-cost-usd"] == "0.053 estimated"
        assert again.headers["x-portkey-cache-status"] == "HIT"
        assert "x-retouch-cost-usd" not in again.headers

    def test_fewer_pictures_than_ordered_are_not_kept(self, world):
        for calls in (1, 2):
            answer = ask(world, KEPT, {"n": "2"})
            assert (answer.status, len(answer.json["data"])) == (200, 1)
            assert answer.headers["x-portkey-cache-status"] == "MISS"
            assert len(world[0].calls) == calls

    def test_without_a_look_it_is_disabled(self, world):
        world[0].answers = [BROKEN]
        assert ask(world, A).headers["x-portkey-cache-status"] == "DISABLED"
        answer = ask(world, KEPT, {"quality": "shiny"})
        assert (answer.status, answer.headers["x-portkey-cache-status"]) == (400, "DISABLED")


class TestStreamedGuardrails:
    def watch(self, world, prompt, **headers):
        world[0].answers = [as_events(PARTIAL, DONE)]
        config = {**A, "input_guardrails": [FAILING]}
        fields = {"stream": "true", "partial_images": "1", "prompt": prompt}
        return ask(world, config, fields, **headers)

    def test_a_failed_hook_is_246_and_stands_beside_the_picture(self, world):
        answer = self.watch(world, "forge a passport")
        assert answer.status == 246
        (_, partial), (name, done) = answer.frames
        assert (name, done["b64_json"]) == ("image_edit.completed", b64(photo()))
        assert done["hook_results"]["before_request_hooks"][0]["verdict"] is False
        assert "hook_results" not in partial

    @pytest.mark.parametrize(("strict", "told"), [("true", False), ("false", True)])
    def test_one_that_passes_is_told_to_whom_it_is_told_elsewhere(self, world, strict, told):
        answer = self.watch(world, "p", strict_open_ai_compliance=strict)
        assert answer.status == 200
        assert ("hook_results" in answer.frames[-1][1]) is told

    def test_a_failure_before_the_first_event_keeps_its_own_status(self, world):
        one = world[0]
        config = {**A, "input_guardrails": [FAILING]}
        one.answers = [BROKEN]
        answer = ask(world, config, {"stream": "true", "prompt": "passport"})
        assert (answer.status, answer.json["error"]["code"]) == (502, "provider_error")


class TestWhoseFault:
    def test_the_gateways_own_errors_are_marked_for_portkeys_callers(self, world):
        answer = ask(world, provider="nobody")
        assert (answer.status, answer.json["status"]) == (400, "failure")
        assert answer.json["error"]["code"] == "unsupported_provider"
        assert "x-portkey-gateway-exception" not in answer.headers

    def test_what_the_operator_must_mend_is_an_exception(self, world):
        one, _, _ = world
        one.answers = [as_json({"error": {"message": "no", "code": "invalid_api_key"}}, 401)]
        house = build_house({"OPENAI_BASE_URL": one.url, "OPENAI_API_KEY": "sk-op"})
        answer = ask(world, provider="openai", house=house)
        assert (answer.status, answer.json["error"]["code"]) == (500, "provider_credentials")
        assert answer.headers["x-portkey-gateway-exception"] == "true"

    def test_a_providers_error_is_handed_through(self, world):
        world[0].answers = [BROKEN]
        answer = ask(world, A)
        assert set(answer.json) == {"error"}
        assert "x-portkey-gateway-exception" not in answer.headers

    def test_others_get_openais_envelope_alone(self):
        answer = knock(json_event({"prompt": "p"}))
        assert (answer.status, set(answer.json)) == (400, {"error"})

    def test_it_holds_on_every_route(self):
        asked = event(method="GET", path="/nowhere", headers={"x-portkey-trace-id": "t"})
        assert knock(asked).status == 404
        doctor = event("text/plain", b"x", {"x-portkey-trace-id": "t"}, path="/v1/doctor")
        assert knock(doctor).json["status"] == "failure"


class TestRetries:
    @pytest.mark.parametrize("header", ["retry-after", "retry-after-ms", "x-ms-retry-after-ms"])
    def test_a_provider_that_says_now_is_asked_as_often_as_the_config_says(self, world, header):
        one, _, _ = world
        one.answers = [as_json({"error": {"message": "x"}}, 429, **{header: "0"})]
        config = {**A, "retry": {"attempts": 5, "use_retry_after_header": True}}
        answer = ask(world, config)
        assert (answer.status, answer.headers["x-portkey-retry-attempt-count"]) == (429, "-1")
        assert len(one.calls) == 6

    def test_azures_milliseconds_are_heeded(self, world):
        one, _, house = world
        one.answers = [
            as_json({"error": {"message": "x"}}, 429, **{"x-ms-retry-after-ms": "50"}),
            GOOD,
        ]
        retry = {"attempts": 1, "use_retry_after_header": True}
        assert ask(world, {**A, "retry": retry}).status == 200
        assert house.clock.slept == [0.05]
