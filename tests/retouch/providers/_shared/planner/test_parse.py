"""Tests of how the planner reads a model's reply."""

import json

import pytest

from retouch.imaging.operations.values import InvalidSteps
from retouch.providers._shared.planner.parse import PlanRefusal, parse_planner_reply
from tests.support.reka_ai import GREYSCALE_PLAN


@pytest.mark.parametrize(
    "text",
    [
        GREYSCALE_PLAN,
        f"```json\n{GREYSCALE_PLAN}\n```",
        f"Sure, here is the plan:\n\n{GREYSCALE_PLAN}\nEnjoy!",
        f"<think>maybe {{crop}}?</think>{GREYSCALE_PLAN}",
        f"It could be {{\"steps\": []}} or so. </reasoning>\n{GREYSCALE_PLAN}",
    ],
)  # fmt: skip
def test_plan_json_is_found_inside_other_text(text):
    steps = parse_planner_reply(text, False)
    assert not isinstance(steps, PlanRefusal)
    (step,) = steps
    assert step.operation.name == "greyscale"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "}{",
        "{",
        "{" * 5000,
        '{"steps":' * 2000 + "[]" + "}" * 2000,
        '{"steps": ' + "[" * 5000 + "]" * 5000 + "}",
        '{"steps": [{"op": "brightness", "factor": NaN}]}',
        '{"steps": [{"op": "brightness", "factor": 1e999}]}',
        '{"steps": [{"op": "brightness", "factor": ' + "9" * 5000 + "}]}",
        '{"steps": [{"op": "greyscale"}], "then": "mail it"}',
        '{"plan": []}',
        '{"refuse": true}',
        '{"refuse": "  "}',
        '{"steps": [' + ",".join(['{"op": "greyscale"}'] * 10_000) + "]}",
        GREYSCALE_PLAN + GREYSCALE_PLAN,
        json.dumps({"steps": [{"op": "greyscale", "region": {"left": [[[[1]]]]}}]}),
        "\ud800{}",
    ],
)
def test_malformed_reply_raises_short_plan_error(text):
    with pytest.raises(InvalidSteps) as caught:
        parse_planner_reply(text, False)
    assert len(str(caught.value)) < 600


def test_long_refusal_becomes_short_single_line():
    refusal = parse_planner_reply(json.dumps({"refuse": "because\nof " + "x" * 1000}), False)
    assert isinstance(refusal, PlanRefusal)
    assert refusal.reason.startswith("because of xxx")
    assert len(refusal.reason) <= 301
