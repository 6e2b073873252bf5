"""Running a tree: who is chosen, how long is waited, and what is told of the way."""

import random
from collections import Counter

import pytest

from retouch.errors import BadUpstream, InvalidRequest, Moderated, RateLimited
from retouch.routing.run import Attempt, weighted
from tests.retouch.routing.asked import Stage, parse

A, B, C = ({"provider": name, "name": name} for name in "abc")


def slow(after=None):
    return lambda: RateLimited("slow down", retry_after=after)


def broken(billed="unknown"):
    return lambda: BadUpstream("broken", billed=billed)


def fallback(*targets, **strategy):
    return {"strategy": {"mode": "fallback", **strategy}, "targets": list(targets)}


def balanced(*weights):
    targets = [
        {"provider": "abcde"[i], **({} if weight is None else {"weight": weight})}
        for i, weight in enumerate(weights)
    ]
    return {"strategy": {"mode": "loadbalance"}, "targets": targets}


# The chi-square value that chance exceeds once in a million, by degrees of freedom.
CHI_SQUARE = {1: 23.93, 2: 27.63, 3: 30.66}
BALANCES = [
    ((None, None), (1, 1)),
    ((0.95, 0.05), (0.95, 0.05)),
    ((3, None, 0.5), (3, 1, 0.5)),
    ((0, 2, 1), (0, 2, 1)),
    ((10, 20, 30, 40), (1, 2, 3, 4)),
]


@pytest.mark.parametrize(("weights", "shares"), BALANCES, ids=str)
def test_weights_are_shares(weights, shares):
    branch = parse(balanced(*weights))
    chance, draws = random.Random(20261122), 20_000
    seen = Counter(weighted(branch, chance.random()).provider for _ in range(draws))
    expected = {"abcde"[i]: draws * share / sum(shares) for i, share in enumerate(shares) if share}
    assert set(seen) == set(expected)
    chi_square = sum((seen[name] - count) ** 2 / count for name, count in expected.items())
    assert chi_square < CHI_SQUARE[len(expected) - 1]


@pytest.mark.parametrize(
    ("chance", "asked"), [(0.0, "a"), (0.9499, "a"), (0.9501, "b"), (1 - 2**-53, "b")]
)
def test_a_canary_gets_its_share_and_has_no_net(chance, asked):
    assert Stage(balanced(0.95, 0.05), {asked: [slow()]}, chance=chance).order == asked


def test_the_crumb_of_rounding_goes_to_a_target_that_can_be_chosen():
    branch = parse(balanced(0.1, 0.2, 0))
    assert weighted(branch, 1 - 2**-53).provider == "b"
    assert weighted(branch, 1.0).provider == "b"


def test_a_target_of_no_weight_is_never_asked():
    assert weighted(parse(balanced(0, 1)), 0.0).provider == "b"


CONDITIONAL = {
    "strategy": {
        "mode": "conditional",
        "conditions": [
            {"query": {"params.has_mask": True}, "then": "a"},
            {"query": {"params.image_count": {"$gte": 2}}, "then": "b"},
        ],
        "default": "c",
    },
    "targets": [A, B, C],
}


@pytest.mark.parametrize(
    ("mask", "count", "asked"), [(True, 2, "a"), (False, 2, "b"), (False, 1, "c")]
)
def test_the_first_condition_that_matches_decides(mask, count, asked):
    facts = {"params.has_mask": mask, "params.image_count": count}
    assert Stage(CONDITIONAL, {}, facts).order == asked


def lost(**also):
    strategy = {**CONDITIONAL["strategy"], "default": None}
    return {**CONDITIONAL, "strategy": strategy, **also}


def test_no_condition_and_no_default_is_the_callers_fault():
    stage = Stage(lost(), {})
    assert isinstance(stage.outcome.found, InvalidRequest)
    assert stage.outcome.found.code == "no_target_matches"
    assert (stage.order, stage.outcome.leaf.path, stage.outcome.attempts) == ("", "config", ())


def test_a_lost_group_in_a_fallback_forgets_nothing_that_was_bought():
    config = fallback({"provider": "x"}, lost(), on_status_codes=[502])
    outcome = Stage(config, {"x": [broken()]}).outcome
    assert outcome.found.code == "no_target_matches"
    assert outcome.found.billed == "unknown"
    assert outcome.attempts == (Attempt("config.targets[0]", 502, "provider_error", "unknown"),)


def test_single_asks_the_first_target_only():
    assert Stage({"targets": [A, B]}, {"a": [slow()]}).order == "a"


def test_the_way_is_told_in_order():
    config = fallback(fallback(A, B), C)
    config["retry"] = {"attempts": 1}
    outcome = Stage(config, {"a": [slow()], "b": [slow()]}).outcome
    first, second = "config.targets[0].targets[0]", "config.targets[0].targets[1]"
    assert [one.path for one in outcome.attempts] == [
        first,
        first,
        second,
        second,
        "config.targets[1]",
    ]
    assert (outcome.leaf.path, outcome.retries, outcome.found) == (
        "config.targets[1]",
        0,
        "answer of c",
    )


def test_when_all_fail_the_last_one_speaks():
    outcome = Stage(fallback(A, B, C), {name: [slow()] for name in "abc"}).outcome
    assert (outcome.found.status, outcome.leaf.provider) == (429, "c")
    assert len(outcome.attempts) == 3


RETRIES = [
    (["fine"], 0, 0),
    ([slow(), "fine"], 1, 1),
    ([slow(), slow(), slow(), "fine"], 3, 3),
    ([slow()], -1, 3),
    ([slow(), lambda: InvalidRequest("no")], 1, 1),
    ([slow(), broken()], 1, 1),
]


@pytest.mark.parametrize(("turns", "count", "again"), RETRIES)
def test_the_retry_count(turns, count, again):
    stage = Stage({**A, "retry": {"attempts": 3}}, {"a": turns})
    assert (stage.outcome.retries, stage.order) == (count, "a" * (again + 1))


def test_waits_double_and_stop_at_five():
    stage = Stage({**A, "retry": {"attempts": 5}}, {"a": [slow()]})
    assert stage.clock.slept == [1, 2, 4, 8, 16]
    assert stage.outcome.retries == -1


ASKED = {**A, "retry": {"attempts": 5, "use_retry_after_header": True}}


@pytest.mark.parametrize(
    ("after", "slept"),
    [
        (0.5, [0.5] * 5),
        (0.0, [0.0] * 5),
        (25.0, [25.0, 25.0]),
        (60.0, [60.0]),
        (60.5, []),
        (float("inf"), []),
    ],
)
def test_a_provider_may_ask_for_a_minute_in_all(after, slept):
    assert Stage(ASKED, {"a": [slow(after)]}).clock.slept == slept


def test_what_is_not_listed_is_not_tried_again():
    config = {**A, "retry": {"attempts": 2, "on_status_codes": [503]}}
    assert Stage(config, {"a": [slow()]}).order == "a"
    assert (
        Stage({**config, "retry": {"attempts": 2, "on_status_codes": []}}, {"a": [slow()]}).order
        == "a"
    )


@pytest.mark.parametrize(("seconds", "order"), [(0.9, "a"), (2.5, "aa"), (3.5, "aaa")])
def test_no_wait_beyond_the_deadline(seconds, order):
    stage = Stage({**A, "retry": {"attempts": 2}}, {"a": [slow()]}, seconds=seconds)
    assert stage.order == order
    assert stage.outcome.retries == (-1 if order == "aaa" else len(order) - 1)


@pytest.mark.parametrize(("seconds", "order"), [(9, "a"), (11, "ab"), (25, "abc")])
def test_no_fallback_after_the_deadline(seconds, order):
    script = {name: [slow()] for name in "abc"}
    assert Stage(fallback(A, B, C), script, seconds=seconds, takes=10.0).order == order


def test_a_later_failure_that_was_free_does_not_hide_an_earlier_one_that_was_not():
    outcome = Stage(fallback(A, B, on_status_codes=[502]), {"a": [broken()], "b": [slow()]}).outcome
    assert (outcome.found.status, outcome.found.billed) == (429, "unknown")
    assert outcome.found.should_retry is False
    certain = Stage(
        fallback(A, B, on_status_codes=[502]), {"a": [broken("yes")], "b": [broken()]}
    ).outcome
    assert certain.found.billed == "yes"


def test_an_outer_group_does_not_buy_again_what_an_inner_one_was_told_to():
    inner = fallback(A, B, on_status_codes=[502])
    script = {"a": [broken()], "b": [slow()]}
    assert Stage(fallback(inner, C), script).order == "ab"
    assert Stage(fallback(inner, C, on_status_codes=[429]), script).order == "abc"


def test_a_refusal_is_taken_elsewhere_and_no_status_says_so():
    refused = {"a": [lambda: Moderated("no")], "b": [slow()]}
    assert Stage(fallback(A, B, C, on_status_codes=[400]), refused).order == "a"
    assert Stage(fallback(A, B, C, on_content_refusal=True), refused).order == "abc"
    only = fallback(A, B, C, on_content_refusal=True, on_status_codes=[504])
    assert Stage(only, refused).order == "ab"


def test_an_empty_list_never_falls_back():
    assert Stage(fallback(A, B, on_status_codes=[]), {"a": [slow()]}).order == "a"


def test_what_is_no_fault_is_a_bug_and_is_not_repeated():
    with pytest.raises(ZeroDivisionError):
        Stage(fallback({**A, "retry": {"attempts": 3}}, B), {"a": [ZeroDivisionError]})
