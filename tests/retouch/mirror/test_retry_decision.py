"""Tests of the retry decision: where each URL goes, and that every request comes to an end."""

import json
import random

import pytest

from retouch.mirror.request import MirrorRequest
from retouch.mirror.result import DEADLINE_EXCEEDED, MirrorError, MirrorResult
from retouch.mirror.retry_decision import MAX_TRIES, decide_retry, retry_delay

STORED, GONE, BUSY, OUT_OF_TIME_KIND = range(4)


def build_result(url, kind):
    error = {
        STORED: None,
        GONE: MirrorError("fetch_expired", "The link is dead.", False),
        BUSY: MirrorError("fetch_failed", "Try again later.", True),
        OUT_OF_TIME_KIND: MirrorError(DEADLINE_EXCEEDED, "Send it again.", True),
    }[kind]
    return MirrorResult(
        "failed" if error else "stored",
        url,
        error=error,
        transient=kind in (BUSY, OUT_OF_TIME_KIND),
    )


def decision_for(kinds, received=1):
    request = MirrorRequest(tuple(kinds), "mirror/shop", {"who": "me"}, 60)
    return decide_retry(request, [build_result(url, kind) for url, kind in kinds.items()], received)


def urls_of(part):
    return json.loads(part.body)["urls"]


def test_decision_separates_permanent_retryable_and_late_urls():
    decision = decision_for({"a": STORED, "b": GONE, "c": BUSY, "d": OUT_OF_TIME_KIND}, 2)
    assert (urls_of(decision.dead_letter), decision.dead_letter.code) == (["b"], "fetch_expired")
    late_requeue, busy_requeue = decision.requeues
    assert (urls_of(late_requeue), late_requeue.tries, late_requeue.delay_seconds) == (["d"], 1, 0)
    assert (urls_of(busy_requeue), busy_requeue.tries, busy_requeue.delay_seconds) == (["c"], 2, 30)
    options = {"prefix": "mirror/shop", "metadata": {"who": "me"}, "expires_in": 60}
    assert json.loads(busy_requeue.body) == {"urls": ["c"], **options}


def test_decision_is_empty_when_all_urls_are_stored():
    decision = decision_for({"a": STORED, "b": STORED})
    assert (decision.dead_letter, decision.requeues) == (None, ())


@pytest.mark.parametrize("receive_count", [MAX_TRIES, MAX_TRIES + 3])
def test_retryable_url_is_dead_lettered_at_last_try(receive_count):
    decision = decision_for({"a": BUSY, "b": STORED, "c": OUT_OF_TIME_KIND}, receive_count)
    assert (urls_of(decision.dead_letter), decision.dead_letter.code) == (["a"], "fetch_failed")
    (late_requeue,) = decision.requeues
    assert urls_of(late_requeue) == ["c"]


def test_round_without_time_for_any_url_counts_as_a_try():
    (requeue,) = decision_for({"a": OUT_OF_TIME_KIND, "b": OUT_OF_TIME_KIND}).requeues
    assert (requeue.tries, requeue.delay_seconds) == (1, 10)
    assert decision_for({"a": OUT_OF_TIME_KIND, "b": OUT_OF_TIME_KIND}, MAX_TRIES).requeues == ()


@pytest.mark.parametrize("seed", range(20))
def test_repeated_decisions_end_and_lose_no_url(seed):
    """Run a hundred URLs with random failures, as often as the queue would deliver them."""
    rng = random.Random(seed)
    waiting, done, rounds = [(tuple(map(str, range(100))), 0)], [], 0
    while waiting:
        urls_of_round, tries = waiting.pop()
        rounds += 1
        assert rounds < 1_000
        kinds = {
            url: rng.choice(
                (STORED, GONE, BUSY, OUT_OF_TIME_KIND, OUT_OF_TIME_KIND, OUT_OF_TIME_KIND)
            )
            for url in urls_of_round
        }
        decision = decision_for(kinds, tries + 1)
        done += [url for url, kind in kinds.items() if kind == STORED]
        done += urls_of(decision.dead_letter) if decision.dead_letter else []
        waiting += [(tuple(urls_of(sequel)), sequel.tries) for sequel in decision.requeues]
    assert sorted(done, key=int) == list(map(str, range(100)))


def test_pause_grows_with_each_try_up_to_300_seconds():
    assert [retry_delay(received) for received in (1, 2, 3, 4, 9)] == [10, 30, 90, 270, 300]
