"""Tests of the cancellation of jobs, and of jobs that several workers or requests change at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from retouch.core.clock import SystemClock
from tests.support.jobs import JobGateway
from tests.support.upstream import Upstream


def test_queued_job_is_cancelled_and_never_bought(gateway):
    job = gateway.send().json["id"]
    first, second = gateway.cancel(job), gateway.cancel(job)
    assert (first.status, first.json["status"], first.json["billed"]) == (200, "cancelled", "no")
    assert (second.status, second.json) == (200, first.json)
    assert gateway.work()
    assert gateway.upstream.calls == []
    assert gateway.get(job).json["status"] == "cancelled"


def test_cancel_after_the_end_is_refused_with_the_job(gateway):
    job = gateway.send().json["id"]
    gateway.work()
    response = gateway.cancel(job)
    assert (response.status, response.json["error"]["code"]) == (409, "already_ended")
    assert (response.json["id"], response.json["status"]) == (job, "completed")


def test_cancel_after_the_send_mark_is_refused_and_the_job_completes():
    with Upstream() as upstream:
        gateway = JobGateway(upstream, SystemClock())
        gateway.answer(delay=1.0)
        job = gateway.send().json["id"]
        worker = threading.Thread(target=gateway.work)
        worker.start()
        while not upstream.calls:
            threading.Event().wait(0.01)
        response = gateway.cancel(job)
        assert gateway.get(job).json["status"] == "in_progress"
        worker.join()
    assert (response.status, response.json["error"]["code"]) == (409, "already_sent")
    assert gateway.get(job).json["status"] == "completed"


def race(start, action, job):
    start.wait()
    action(job)


def test_racing_cancels_and_workers_end_each_job_once():
    with Upstream() as upstream:
        gateway = JobGateway(upstream, SystemClock())
        identifiers = [gateway.send().json["id"] for _ in range(100)]
        threads = []
        for number, job in enumerate(identifiers):
            start = threading.Barrier(2)
            threads.append(threading.Thread(target=race, args=(start, gateway.cancel, job)))
            worker = partial(gateway.work, request_id=f"worker-{number}")
            threads.append(threading.Thread(target=race, args=(start, worker, job)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        statuses = [gateway.get(job).json["status"] for job in identifiers]
    assert set(statuses) <= {"completed", "cancelled"}
    assert len(upstream.calls) == statuses.count("completed")


def test_message_that_ten_workers_get_at_once_is_bought_once():
    with Upstream() as upstream:
        gateway = JobGateway(upstream, SystemClock())
        gateway.answer(delay=0.3)
        job = gateway.send().json["id"]
        start = threading.Barrier(10)

        def work(number):
            start.wait()
            return gateway.work(job, request_id=f"worker-{number}")

        with ThreadPoolExecutor(10) as pool:
            has_finished = list(pool.map(work, range(10)))
        assert has_finished.count(True) == 1
        assert gateway.get(job).json["status"] == "completed"
        assert len(upstream.calls) == 1
