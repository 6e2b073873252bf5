"""Tests of the worker function: retries, crashes, redeliveries, dead letters."""

import json

import pytest

from retouch.api.handlers.edits_queue import build_handler
from retouch.core.errors import OrdersUnavailable
from retouch.orders.sweeper import sweep
from tests.support.events import lambda_context
from tests.support.gateway_client import telemetry
from tests.support.jobs import ASYNC, DEAD_LETTERS, JobGateway, message_event
from tests.support.killed_process import ProcessKilled
from tests.support.order_gateway import kill_after_write
from tests.support.upstream import Upstream

LEASE = 60 + 60 + 1  # the remaining time of the function, the margin of its lease, and a second


@pytest.fixture
def gateway():
    with Upstream() as upstream:
        yield JobGateway(upstream)


def test_message_that_arrives_twice_buys_once(gateway):
    job = gateway.send().json["id"]
    assert gateway.work(job)
    assert gateway.work(job)
    assert len(gateway.upstream.calls) == 1


def test_message_of_a_held_job_comes_again_after_its_lease(gateway):
    job = gateway.send().json["id"]
    kill_after_write(gateway, "accepted")
    with pytest.raises(ProcessKilled):
        gateway.work(job)
    assert not gateway.work(job)
    (delay,) = gateway.queue.delays
    assert delay >= 60
    gateway.clock.advance(delay)
    assert gateway.work(job, request_id="worker-2")
    assert gateway.get(job).json["status"] == "completed"
    assert len(gateway.upstream.calls) == 1


def test_worker_killed_after_the_send_mark_ends_the_job_as_unknown(gateway):
    job = gateway.send().json["id"]
    kill_after_write(gateway, "sent")
    with pytest.raises(ProcessKilled):
        gateway.work(job)
    gateway.clock.advance(LEASE)
    assert gateway.work(job)
    done = gateway.get(job).json
    assert (done["status"], done["billed"]) == ("failed", "unknown")
    assert done["error"]["code"] == "order_outcome_unknown"
    assert gateway.upstream.calls == []


def test_worker_killed_after_its_answer_was_stored_gives_the_image(gateway):
    job = gateway.send().json["id"]
    put = gateway.orders.put

    def put_and_die(*args):
        put(*args)
        raise ProcessKilled

    gateway.orders.put = put_and_die
    with pytest.raises(ProcessKilled):
        gateway.work(job)
    gateway.orders.put = put
    gateway.clock.advance(LEASE)
    assert gateway.work(job)
    assert gateway.get(job).json["status"] == "completed"
    assert len(gateway.upstream.calls) == 1


def test_sweeper_puts_a_job_back_that_was_not_sent(gateway):
    job = gateway.send().json["id"]
    kill_after_write(gateway, "accepted")
    with pytest.raises(ProcessKilled):
        gateway.work(job)
    gateway.clock.advance(LEASE)
    assert sweep(gateway.stores, gateway.queue, gateway.clock.unix_time()) == {"queued": 1}
    assert gateway.get(job).json["status"] == "queued"
    assert gateway.work(job)
    assert gateway.get(job).json["status"] == "completed"


def test_rate_limited_job_waits_and_tries_again(gateway):
    gateway.answer(429, {"error": {"message": "slow down"}}, headers={"retry-after": "40"})
    job = gateway.send().json["id"]
    assert not gateway.work(job)
    assert gateway.queue.delays == [40]
    assert gateway.get(job).json["status"] == "queued"
    gateway.answer()
    assert gateway.work(job)
    assert gateway.get(job).json["status"] == "completed"


def test_job_that_is_always_rate_limited_fails_after_five_tries(gateway):
    gateway.answer(429, {"error": {"message": "slow down"}}, headers={"retry-after": "20"})
    job = gateway.send().json["id"]
    tries = [gateway.work(job) for _ in range(5)]
    assert tries == [False] * 4 + [True]
    assert gateway.queue.delays == [20, 30, 90, 90]
    done = gateway.get(job).json
    assert (done["status"], done["billed"]) == ("failed", "no")
    assert done["error"]["type"] == "rate_limit_error"
    assert done["result"] is None


def test_refusal_of_the_provider_ends_the_job_as_failed(gateway):
    gateway.answer(400, {"error": {"message": "no", "code": "bad_prompt"}})
    job = gateway.send().json["id"]
    assert gateway.work(job)
    done = gateway.get(job).json
    assert (done["status"], done["error"]["code"]) == ("failed", "bad_prompt")


def test_failure_that_may_be_paid_ends_the_job_and_is_not_tried_again(gateway):
    gateway.answer(500, {"error": {"message": "broken"}})
    job = gateway.send().json["id"]
    assert gateway.work(job)
    done = gateway.get(job).json
    assert (done["status"], done["billed"]) == ("failed", "unknown")
    assert gateway.work(job)
    assert len(gateway.upstream.calls) == 1


def test_worker_waits_while_the_table_is_down(gateway):
    job = gateway.send().json["id"]
    gateway.orders.is_down = True
    assert not gateway.work(job)
    assert gateway.upstream.calls == []
    gateway.orders.is_down = False
    assert gateway.work(job)
    assert gateway.get(job).json["status"] == "completed"


def test_paid_answer_whose_record_was_not_written_is_found_later(gateway):
    job = gateway.send().json["id"]
    put = gateway.orders.put

    def put_and_lose_the_table(*args):
        stored = put(*args)
        gateway.orders.is_down = True
        return stored

    gateway.orders.put = put_and_lose_the_table
    assert not gateway.work(job)
    gateway.orders.is_down, gateway.orders.put = False, put
    gateway.clock.advance(LEASE)
    assert gateway.work(job)
    assert gateway.get(job).json["status"] == "completed"
    assert len(gateway.upstream.calls) == 1


def test_paid_answer_is_stored_when_the_bucket_works_again(gateway):
    job = gateway.send().json["id"]
    put, failures = gateway.orders.put, [OrdersUnavailable("down"), OrdersUnavailable("down")]

    def fail_twice(*args):
        if failures:
            raise failures.pop()
        return put(*args)

    gateway.orders.put = fail_twice
    assert gateway.work(job)
    assert gateway.get(job).json["result"]["data"]
    assert len(gateway.upstream.calls) == 1


def test_dead_letter_ends_its_job_as_failed_for_free(gateway):
    job = gateway.send().json["id"]
    assert gateway.work(job, queue=DEAD_LETTERS)
    done = gateway.get(job).json
    assert (done["status"], done["billed"], done["error"]["code"]) == (
        "failed",
        "no",
        "job_abandoned",
    )
    assert gateway.work(job)
    assert gateway.upstream.calls == []


def test_dead_letter_of_a_sent_job_ends_it_as_unknown_after_its_lease(gateway):
    job = gateway.send().json["id"]
    kill_after_write(gateway, "sent")
    with pytest.raises(ProcessKilled):
        gateway.work(job)
    assert not gateway.work(job, queue=DEAD_LETTERS)
    gateway.clock.advance(LEASE)
    assert gateway.work(job, queue=DEAD_LETTERS)
    assert gateway.get(job).json["billed"] == "unknown"


def test_lost_request_of_a_job_fails_it_for_free(gateway):
    job = gateway.send().json["id"]
    gateway.requests.clear()
    assert gateway.work(job)
    done = gateway.get(job).json
    assert (done["status"], done["billed"]) == ("failed", "no")


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"order": 1}', '{"order": "edit_x"}', "null"])
def test_message_that_names_no_job_is_deleted(gateway, body):
    handler = build_handler(gateway.services, lambda: None, telemetry())
    assert handler(message_event(body), lambda_context()) == {"batchItemFailures": []}


def sweep_at(gateway, seconds):
    """Run the sweeper this much later."""
    gateway.clock.advance(seconds)
    return sweep(gateway.stores, gateway.queue, gateway.clock.unix_time())


def test_log_of_a_message_does_not_name_the_key_of_the_message_before(gateway, capsys):
    job = gateway.send().json["id"]
    lines = telemetry()
    handler = build_handler(gateway.services, lambda: None, lines)
    handler(message_event(json.dumps({"order": job})), lambda_context(60))
    lines.set_caller({"key": "one", "key_id": "k_1", "workspace": "w_1"})  # that of the job
    capsys.readouterr()
    handler(message_event("{}"), lambda_context(60))
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["message"] == "a message of the queue of edits has no known kind"
    assert (line["key"], line.keys() & {"key_id", "workspace"}) == ("", set())
    assert line["trace_id"] != job.replace("edit_", "ord_")


def test_sweeper_sends_the_lost_message_of_a_queued_job_again(gateway):
    job = gateway.send().json["id"]
    gateway.queue.messages.clear()
    assert sweep_at(gateway, 59) == {}
    assert sweep_at(gateway, 2) == {"queued": 1}
    assert gateway.queue.messages == [job]
    assert gateway.work()
    assert gateway.get(job).json["status"] == "completed"
    assert sweep_at(gateway, 10_000) == {}


def test_sweeper_reminds_of_a_job_that_waits_for_long_in_growing_intervals(gateway):
    gateway.send({**ASYNC, "x-retouch-deadline": "80000"})
    reminders = sum(bool(sweep_at(gateway, 900)) for _ in range(80))
    assert 5 < reminders < 10
    assert len(gateway.queue.messages) == 1 + reminders


def test_sweeper_expires_a_job_that_no_worker_began_in_time(gateway):
    job = gateway.send({**ASYNC, "x-retouch-deadline": "600"}).json["id"]
    assert sweep_at(gateway, 600) == {"cancelled": 1}
    expired = gateway.get(job).json
    assert (expired["status"], expired["billed"]) == ("expired", "no")
    assert gateway.work(job)
    assert gateway.upstream.calls == []


def test_sweeper_reminds_of_a_retry_whose_message_is_lost(gateway):
    gateway.answer(429, {"error": {"message": "slow down"}}, headers={"retry-after": "40"})
    job = gateway.send().json["id"]
    assert not gateway.work(job)
    gateway.queue.messages.clear()
    assert sweep_at(gateway, 90) == {}
    assert sweep_at(gateway, 20) == {"queued": 1}
    gateway.answer()
    assert gateway.work()
    assert gateway.get(job).json["status"] == "completed"


def test_queue_that_fails_during_a_sweep_leaves_the_job_for_a_later_one(gateway):
    job = gateway.send().json["id"]
    gateway.queue.messages.clear()

    def fail():
        raise OrdersUnavailable("down")

    gateway.queue.on_send = fail
    assert sweep_at(gateway, 100) == {}
    gateway.queue.on_send = None
    gateway.queue.messages.clear()
    assert sweep_at(gateway, 200) == {"queued": 1}
    assert gateway.queue.messages == [job]


def test_retry_that_would_begin_after_the_deadline_of_its_job_is_not_made(gateway):
    gateway.answer(429, {"error": {"message": "slow down"}}, headers={"retry-after": "40"})
    job = gateway.send({**ASYNC, "x-retouch-deadline": "30"}).json["id"]
    assert gateway.work(job)
    done = gateway.get(job).json
    assert (done["status"], done["billed"]) == ("failed", "no")
    assert len(gateway.upstream.calls) == 1


def test_paid_answer_that_cannot_be_stored_for_minutes_is_stored_before_the_worker_ends(gateway):
    job = gateway.send().json["id"]
    put, down_until = gateway.orders.put, gateway.clock.now() + 200

    def fail_for_long(*args):
        if gateway.clock.now() < down_until:
            raise OrdersUnavailable("down")
        return put(*args)

    gateway.orders.put = fail_for_long
    assert gateway.work(job, seconds=600)
    assert gateway.get(job).json["status"] == "completed"
    assert len(gateway.upstream.calls) == 1
