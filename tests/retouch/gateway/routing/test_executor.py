"""Tests of executing a routing tree: the selected targets, the waits and the recorded attempts."""

import random
from collections import Counter
from typing import Any

import pytest

from retouch.core.errors import InvalidRequest, Moderated, RateLimited, UpstreamError
from retouch.gateway.result import AttemptRecord
from retouch.gateway.routing.executor import select_weighted
from retouch.gateway.routing.tree import Target
from tests.retouch.gateway.routing.routed_run import RoutedRun, answer_text, parse

A, B, C = ({"provider": name, "name": name} for name in "abc")


def rate_limit_error(retry_after=None):
    return lambda: RateLimited("slow down", retry_after=retry_after)


def provider_error(billed="unknown"):
    return lambda: UpstreamError("broken", billed=billed)


def fallback_config(*targets, **strategy):
    return {"strategy": {"mode": "fallback", **strategy}, "targets": list(targets)}


def loadbalance_config(*weights):
    targets = [
        {"provider": "abcde"[i], **({} if weight is None else {"weight": weight})}
        for i, weight in enumerate(weights)
    ]
    return {"strategy": {"mode": "loadbalance"}, "targets": targets}


# The chi-square value that chance exceeds once in a million runs, by degrees of freedom.
CHI_SQUARE = {1: 23.93, 2: 27.63, 3: 30.66}
BALANCES = [
    ((None, None), (1, 1)),
    ((0.95, 0.05), (0.95, 0.05)),
    ((3, None, 0.5), (3, 1, 0.5)),
    ((0, 2, 1), (0, 2, 1)),
    ((10, 20, 30, 40), (1, 2, 3, 4)),
]


def selected_provider(group, chance):
    target = select_weighted(group, chance)
    assert isinstance(target, Target)
    return target.provider


@pytest.mark.parametrize(("weights", "shares"), BALANCES, ids=str)
def test_loadbalance_weights_give_matching_shares(weights, shares):
    group = parse(loadbalance_config(*weights))
    rng, draws = random.Random(20261122), 20_000
    counts = Counter(selected_provider(group, rng.random()) for _ in range(draws))
    expected = {"abcde"[i]: draws * share / sum(shares) for i, share in enumerate(shares) if share}
    assert set(counts) == set(expected)
    chi_square = sum((counts[name] - count) ** 2 / count for name, count in expected.items())
    assert chi_square < CHI_SQUARE[len(expected) - 1]


@pytest.mark.parametrize(
    ("chance", "expected_provider"), [(0.0, "a"), (0.9499, "a"), (0.9501, "b"), (1 - 2**-53, "b")]
)
def test_loadbalance_does_not_fall_back_after_failure(chance, expected_provider):
    assert (
        RoutedRun(
            loadbalance_config(0.95, 0.05), {expected_provider: [rate_limit_error()]}, chance=chance
        ).providers_called
        == expected_provider
    )


def test_rounding_remainder_selects_target_with_weight():
    group = parse(loadbalance_config(0.1, 0.2, 0))
    assert selected_provider(group, 1 - 2**-53) == "b"
    assert selected_provider(group, 1.0) == "b"


def test_target_with_zero_weight_is_never_selected():
    assert selected_provider(parse(loadbalance_config(0, 1)), 0.0) == "b"


CONDITIONAL: dict[str, Any] = {
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
    ("mask", "count", "expected_provider"), [(True, 2, "a"), (False, 2, "b"), (False, 1, "c")]
)
def test_first_matching_condition_selects_target(mask, count, expected_provider):
    facts = {"params.has_mask": mask, "params.image_count": count}
    assert RoutedRun(CONDITIONAL, {}, facts).providers_called == expected_provider


def unmatched_group(**extra_fields):
    strategy = {**CONDITIONAL["strategy"], "default": None}
    return {**CONDITIONAL, "strategy": strategy, **extra_fields}


def test_group_without_matching_condition_returns_invalid_request():
    run = RoutedRun(unmatched_group(), {})
    assert isinstance(run.outcome.result.fault, InvalidRequest)
    assert run.outcome.result.code == "no_target_matches"
    assert (run.providers_called, run.outcome.target.path, run.outcome.attempts) == (
        "",
        "config",
        (),
    )


def test_unmatched_group_in_fallback_keeps_worst_billing():
    config = fallback_config({"provider": "x"}, unmatched_group(), on_status_codes=[502])
    outcome = RoutedRun(config, {"x": [provider_error()]}).outcome
    assert outcome.result.code == "no_target_matches"
    assert outcome.result.outcome.billed == "unknown"
    assert outcome.attempts == (
        AttemptRecord("config.targets[0]", 502, "provider_error", "unknown"),
    )


def test_single_strategy_calls_only_first_target():
    assert RoutedRun({"targets": [A, B]}, {"a": [rate_limit_error()]}).providers_called == "a"


def test_attempts_are_recorded_in_order():
    config = fallback_config(fallback_config(A, B), C)
    config["retry"] = {"attempts": 1}
    outcome = RoutedRun(config, {"a": [rate_limit_error()], "b": [rate_limit_error()]}).outcome
    first, second = "config.targets[0].targets[0]", "config.targets[0].targets[1]"
    assert [attempt.path for attempt in outcome.attempts] == [
        first,
        first,
        second,
        second,
        "config.targets[1]",
    ]
    assert (outcome.target.path, outcome.retries, answer_text(outcome)) == (
        "config.targets[1]",
        0,
        "answer of c",
    )


def test_last_error_is_returned_when_all_targets_fail():
    outcome = RoutedRun(
        fallback_config(A, B, C), {name: [rate_limit_error()] for name in "abc"}
    ).outcome
    assert (outcome.result.status, outcome.target.provider) == (429, "c")
    assert len(outcome.attempts) == 3


RETRIES = [
    (["fine"], 0, 0),
    ([rate_limit_error(), "fine"], 1, 1),
    ([rate_limit_error(), rate_limit_error(), rate_limit_error(), "fine"], 3, 3),
    ([rate_limit_error()], -1, 3),
    ([rate_limit_error(), lambda: InvalidRequest("no")], 1, 1),
    ([rate_limit_error(), provider_error()], 1, 1),
]


@pytest.mark.parametrize(("turns", "count", "retries"), RETRIES)
def test_retry_count_equals_retries_made(turns, count, retries):
    run = RoutedRun({**A, "retry": {"attempts": 3}}, {"a": turns})
    assert (run.outcome.retries, run.providers_called) == (count, "a" * (retries + 1))


def test_retry_waits_double_for_at_most_five_retries():
    run = RoutedRun({**A, "retry": {"attempts": 5}}, {"a": [rate_limit_error()]})
    assert run.clock.sleeps == [1, 2, 4, 8, 16]
    assert run.outcome.retries == -1


CONFIG_WITH_RETRY_AFTER = {**A, "retry": {"attempts": 5, "use_retry_after_header": True}}


@pytest.mark.parametrize(
    ("retry_after", "expected_sleeps"),
    [
        (0.5, [0.5] * 5),
        (0.0, [0.0] * 5),
        (25.0, [25.0, 25.0]),
        (60.0, [60.0]),
        (60.5, []),
        (float("inf"), []),
    ],
)
def test_retry_after_is_honoured_up_to_60_seconds_in_all(retry_after, expected_sleeps):
    assert (
        RoutedRun(CONFIG_WITH_RETRY_AFTER, {"a": [rate_limit_error(retry_after)]}).clock.sleeps
        == expected_sleeps
    )


def test_status_outside_retry_list_is_not_retried():
    config = {**A, "retry": {"attempts": 2, "on_status_codes": [503]}}
    assert RoutedRun(config, {"a": [rate_limit_error()]}).providers_called == "a"
    assert (
        RoutedRun(
            {**config, "retry": {"attempts": 2, "on_status_codes": []}}, {"a": [rate_limit_error()]}
        ).providers_called
        == "a"
    )


@pytest.mark.parametrize(("seconds", "expected_providers"), [(0.9, "a"), (2.5, "aa"), (3.5, "aaa")])
def test_retry_that_would_pass_the_deadline_is_not_made(seconds, expected_providers):
    run = RoutedRun({**A, "retry": {"attempts": 2}}, {"a": [rate_limit_error()]}, seconds=seconds)
    assert run.providers_called == expected_providers
    assert run.outcome.retries == (
        -1 if expected_providers == "aaa" else len(expected_providers) - 1
    )


@pytest.mark.parametrize(("seconds", "expected_providers"), [(9, "a"), (11, "ab"), (25, "abc")])
def test_fallback_after_the_deadline_is_not_made(seconds, expected_providers):
    script = {name: [rate_limit_error()] for name in "abc"}
    assert (
        RoutedRun(
            fallback_config(A, B, C), script, seconds=seconds, seconds_per_attempt=10.0
        ).providers_called
        == expected_providers
    )


def test_worst_billing_of_earlier_attempt_is_kept():
    outcome = RoutedRun(
        fallback_config(A, B, on_status_codes=[502]),
        {"a": [provider_error()], "b": [rate_limit_error()]},
    ).outcome
    assert (outcome.result.status, outcome.result.outcome.billed) == (429, "unknown")
    assert outcome.result.fault is not None
    assert outcome.result.fault.should_retry is False
    outcome_when_billed = RoutedRun(
        fallback_config(A, B, on_status_codes=[502]),
        {"a": [provider_error("yes")], "b": [provider_error()]},
    ).outcome
    assert outcome_when_billed.result.outcome.billed == "yes"


def test_outer_group_does_not_retry_possibly_billed_inner_group():
    inner = fallback_config(A, B, on_status_codes=[502])
    script = {"a": [provider_error()], "b": [rate_limit_error()]}
    assert RoutedRun(fallback_config(inner, C), script).providers_called == "ab"
    assert (
        RoutedRun(fallback_config(inner, C, on_status_codes=[429]), script).providers_called
        == "abc"
    )


def test_content_refusal_falls_back_only_with_on_content_refusal():
    script = {"a": [lambda: Moderated("no")], "b": [rate_limit_error()]}
    assert (
        RoutedRun(fallback_config(A, B, C, on_status_codes=[400]), script).providers_called == "a"
    )
    assert (
        RoutedRun(fallback_config(A, B, C, on_content_refusal=True), script).providers_called
        == "abc"
    )
    config = fallback_config(A, B, C, on_content_refusal=True, on_status_codes=[504])
    assert RoutedRun(config, script).providers_called == "ab"


def test_empty_status_list_disables_fallback():
    assert (
        RoutedRun(
            fallback_config(A, B, on_status_codes=[]), {"a": [rate_limit_error()]}
        ).providers_called
        == "a"
    )


def test_unexpected_exception_is_raised_without_retry():
    with pytest.raises(ZeroDivisionError):
        RoutedRun(fallback_config({**A, "retry": {"attempts": 3}}, B), {"a": [ZeroDivisionError]})
