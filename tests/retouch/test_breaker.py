"""When a provider is left alone, and when it is asked again."""

import pytest

from retouch.breaker import Breaker, Circuit, Limits, OwnCircuits, ProviderDown, tripped
from retouch.errors import (
    BadUpstream,
    Misconfigured,
    Moderated,
    OutOfQuota,
    OutOfTime,
    RateLimited,
    Refused,
    Unauthorized,
    Unreachable,
)
from tests.support.house import TestClock

DOWN = BadUpstream("It answered nonsense.")
NEUTRAL = (
    RateLimited("Slower."),
    OutOfQuota("No money."),
    Unauthorized("No key."),
    Misconfigured("A wrong key."),
    OutOfTime("Never started.", billed="no"),
)
ANSWERED = (None, Moderated("No."), Refused("Too large."))


class Clock(TestClock):
    """Unix time that goes only where it is told to, from the beginning of a window."""

    def unix(self):
        return 1_800_000_000 + int(self.skipped)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(OwnCircuits(), clock)


def fail(breaker, times=5, name="p", fault=DOWN):
    for _ in range(times):
        breaker.check(name)
        breaker.record(name, fault)


def answered(fault, status):
    """The same as the provider's answer with that status."""
    found = type(fault)(str(fault))
    found.upstream_status = status
    return found


def refused(breaker, name="p"):
    with pytest.raises(ProviderDown) as found:
        breaker.check(name)
    return found.value


@pytest.mark.parametrize(
    "fault", [DOWN, Unreachable("No connection."), OutOfTime("Late.")], ids=lambda f: f.code
)
def test_the_fifth_failure_opens_it(breaker, fault):
    fail(breaker, 4, fault=fault)
    breaker.check("p")
    breaker.record("p", fault)
    assert breaker.state() == {"p": "open"}
    down = refused(breaker)
    assert (down.status, down.code, down.billed, down.blame) == (
        503,
        "provider_circuit_open",
        "no",
        "provider",
    )
    assert down.retry_after == 30
    assert "30 s" in str(down)


@pytest.mark.parametrize("fault", [*NEUTRAL, *ANSWERED], ids=lambda f: f.code if f else "picture")
def test_what_says_nothing_of_the_provider_never_opens_it(breaker, fault):
    fail(breaker, 50, fault=fault)
    breaker.check("p")
    assert breaker.state().get("p", "closed") == "closed"


def test_its_own_refusal_is_no_result(breaker, clock):
    fail(breaker)
    clock.skipped += 30
    breaker.check("p")
    breaker.record("p", refused(breaker))
    breaker.record("p", None)
    assert breaker.state() == {"p": "closed"}


def test_of_two_threads_that_see_the_same_one_probes():
    circuits = OwnCircuits()
    circuits.open("p", 100)
    assert [circuits.claim("p", 100, 130), circuits.claim("p", 100, 130)] == [True, False]


def test_each_provider_and_region_has_its_own(breaker):
    fail(breaker, name="p/east")
    refused(breaker, "p/east")
    breaker.check("p/west")
    breaker.check("p")


def test_successes_weigh_against_failures(breaker):
    fail(breaker, 6, fault=None)
    fail(breaker, 5)
    breaker.check("p")
    fail(breaker, 1)
    refused(breaker)


@pytest.mark.parametrize("answer", ANSWERED, ids=["picture", "moderated", "refused"])
def test_a_provider_that_says_no_is_up(breaker, answer):
    fail(breaker, 6, fault=answer)
    fail(breaker, 5)
    breaker.check("p")


def test_the_least_number_of_requests():
    few = Circuit(failures=3)
    assert tripped(few, Limits(failures=3, requests=3))
    assert not tripped(few, Limits(failures=3, requests=4))


def test_old_failures_are_forgotten(breaker, clock):
    fail(breaker, 4)
    clock.skipped += 120
    fail(breaker, 4)
    breaker.check("p")


def test_it_stays_open_for_the_cooldown(breaker, clock):
    fail(breaker)
    clock.skipped += 29
    assert refused(breaker).retry_after == 1
    clock.skipped += 1
    assert breaker.state() == {"p": "half-open"}
    breaker.check("p")


def test_one_request_probes(breaker, clock):
    fail(breaker)
    clock.skipped += 30
    breaker.check("p")
    assert refused(breaker).retry_after == 30
    assert breaker.state() == {"p": "open"}


@pytest.mark.parametrize("answer", ANSWERED, ids=["picture", "moderated", "refused"])
def test_a_probe_that_is_answered_closes_it_and_all_is_forgotten(breaker, clock, answer):
    fail(breaker)
    clock.skipped += 30
    breaker.check("p")
    breaker.record("p", answer)
    assert breaker.state() == {"p": "closed"}
    fail(breaker, 4)
    breaker.check("p")


def test_a_probe_that_fails_opens_it_again_from_that_moment(breaker, clock):
    fail(breaker)
    clock.skipped += 30
    breaker.check("p")
    clock.skipped += 25
    breaker.record("p", DOWN)
    clock.skipped += 29
    refused(breaker)
    clock.skipped += 1
    breaker.check("p")


@pytest.mark.parametrize("lost", NEUTRAL, ids=lambda f: f.code)
def test_a_probe_that_says_nothing_is_followed_by_another_at_once(breaker, clock, lost):
    fail(breaker)
    clock.skipped += 30
    for _ in range(3):
        breaker.check("p")
        refused(breaker)
        breaker.record("p", lost)
    assert breaker.state() == {"p": "half-open"}
    breaker.check("p")
    breaker.forget("p")
    breaker.check("p")
    breaker.record("p", None)
    assert breaker.state() == {"p": "closed"}


@pytest.mark.parametrize("lost", NEUTRAL[:-1], ids=lambda f: f.code)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
def test_any_answer_to_a_probe_closes_it(breaker, clock, lost, status):
    fail(breaker)
    clock.skipped += 30
    breaker.check("p")
    breaker.record("p", answered(lost, status))
    assert breaker.state() == {"p": "closed"}


def test_an_error_of_the_providers_own_closes_nothing(breaker, clock):
    fail(breaker)
    clock.skipped += 30
    breaker.check("p")
    breaker.record("p", answered(DOWN, 200))
    assert breaker.state() == {"p": "open"}


def test_a_storm_of_rate_limits_hides_no_failures(breaker):
    fail(breaker, 50, fault=answered(RateLimited("Slower."), 429))
    fail(breaker, 5)
    refused(breaker)


def test_what_says_nothing_changes_nothing_where_there_is_no_probe(breaker, clock):
    fail(breaker)
    clock.skipped += 10
    breaker.forget("p")
    breaker.record("p", RateLimited("Slower."))
    assert refused(breaker).retry_after == 20


def test_a_probe_is_given_back_only_by_whom_it_was_given_to(clock):
    circuits = OwnCircuits()
    late, other = Breaker(circuits, clock), Breaker(circuits, clock)
    fail(late)
    for breaker in (late, other):
        clock.skipped += 30
        breaker.check("p")
    late.forget("p")
    assert refused(other).retry_after == 30


def test_a_probe_that_never_comes_back_is_followed_by_another(breaker, clock):
    fail(breaker)
    for _ in range(3):
        clock.skipped += 30
        breaker.check("p")
        refused(breaker)


def test_late_news_of_older_requests_changes_nothing_about_an_open_circuit(breaker, clock):
    fail(breaker)
    clock.skipped += 20
    breaker.record("p", DOWN)
    breaker.record("p", None)
    assert refused(breaker).retry_after == 10
    clock.skipped += 10
    breaker.check("p")


def test_limits_can_be_set(clock):
    breaker = Breaker(OwnCircuits(), clock, Limits(failures=1, requests=1, cooldown=90))
    fail(breaker, 1)
    clock.skipped += 60
    assert refused(breaker).retry_after == 30
