"""Tests of the time that the patterns of one request may take together."""

import json
import random
from dataclasses import replace

import pytest

from retouch.core.text.safe_regex import (
    PATTERN_SECONDS,
    PatternTimeExceeded,
    compile_pattern,
    limit_pattern_time,
)
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import box_mask, photo
from tests.support.services import FakeClock, build_services

HOSTILE = "a(?:(" + "|" * 225 + ").){240}!"
FIELDS = {
    "model": "local/erase",
    "image": file_part(photo()),
    "mask": file_part(box_mask()),
}


class SlowClock:
    """A clock on which each search takes `seconds`."""

    def __init__(self, seconds):
        self.seconds, self.time = seconds, 0.0

    def now(self):
        self.time += self.seconds
        return self.time


def test_searches_of_a_request_end_when_its_time_is_used_up():
    pattern = compile_pattern("a+b")
    with limit_pattern_time(SlowClock(PATTERN_SECONDS / 2).now):
        assert pattern.search("xaab")
        assert not pattern.search("xaa")
        with pytest.raises(PatternTimeExceeded):
            pattern.search("third")
    assert not pattern.search("without a request there is no limit")


def test_equal_search_runs_once_and_costs_nothing_again():
    clock = SlowClock(PATTERN_SECONDS * 2)
    with limit_pattern_time(clock.now):
        for _ in range(50):
            assert compile_pattern("x").search("axb")
    assert clock.time == 2 * clock.seconds


def test_each_request_has_a_budget_of_its_own():
    clock = SlowClock(PATTERN_SECONDS * 2)
    for text in ("1", "2", "3"):
        with limit_pattern_time(clock.now):
            compile_pattern("x").search(text)


def hostile_prompt():
    return "".join(random.Random(1).choice("ab") for _ in range(31_990)) + "\u00e9"


def send_edit(config, clock):
    services = replace(build_services(), clock=clock)
    headers = {"x-portkey-config": json.dumps(config)}
    fields = {**FIELDS, "prompt": hostile_prompt()}
    return post_edit(fields, headers=headers, services=services)


class TickingClock(FakeClock):
    """A clock that goes on by a second whenever it is read."""

    def now(self):
        self.advance(1.0)
        return super().now()


def test_guardrail_without_time_for_its_pattern_denies_the_edit_and_says_why():
    checks = [
        {"id": "default.regexMatch", "parameters": {"rule": f"{n}{HOSTILE}", "not": True}}
        for n in range(8)
    ]
    response = send_edit({"input_guardrails": [{"checks": checks, "deny": True}]}, TickingClock())
    assert response.status == 446
    assert "patterns of this request take too long" in response.json["error"]["message"]


def test_condition_without_time_for_its_pattern_is_an_invalid_config():
    conditions = [
        {"query": {"params.prompt": {"$regex": f"{n}{HOSTILE}"}}, "then": "x"} for n in range(8)
    ]
    config = {
        "strategy": {"mode": "conditional", "conditions": conditions, "default": "x"},
        "targets": [{"name": "x"}],
    }
    response = send_edit(config, TickingClock())
    assert (response.status, response.json["error"]["code"]) == (400, "invalid_config")
    assert "patterns that take more than 2 s" in response.json["error"]["message"]
