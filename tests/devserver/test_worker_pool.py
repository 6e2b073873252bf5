"""Tests of the worker pool: one invocation for each worker, growth on demand and replacement after an exit."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import requests

from devserver.server import DevServer
from devserver.settings import Workers

EDITS = "/v1/images/edits"


def post_action(url, do, n=0):
    return requests.post(f"{url}{EDITS}?do={do}&n={n}", timeout=30)


def post_in_parallel(url, count, do, n):
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(lambda _: post_action(url, do, n), range(count)))


def has_ended(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_parallel_requests_each_get_their_own_worker(app):
    with DevServer(task_root=app, workers=Workers(1, 4)) as gateway:
        assert len(gateway.pids) == 1
        responses = post_in_parallel(gateway.url, 4, "sleep", 800)
        assert [response.status_code for response in responses] == [200] * 4
        assert len({response.text for response in responses}) == 4
        assert len(gateway.pids) == 4


def test_requests_above_the_worker_limit_are_queued(app):
    with DevServer(task_root=app, workers=Workers(1, 2)) as gateway:
        responses = post_in_parallel(gateway.url, 6, "sleep", 100)
        assert [response.status_code for response in responses] == [200] * 6
        assert len({response.text for response in responses}) == 2


def test_sequential_requests_reuse_the_same_worker(app):
    with DevServer(task_root=app, workers=Workers(1, 4)) as gateway:
        with requests.Session() as session:
            url = f"{gateway.url}{EDITS}?do=pid"
            assert len({session.post(url, timeout=60).text for _ in range(200)}) == 1
        assert len(gateway.pids) == 1


def test_worker_that_exits_gets_502_and_is_replaced(app):
    with DevServer(task_root=app) as gateway:
        before = gateway.pids
        assert post_action(gateway.url, "exit").status_code == 502
        assert post_action(gateway.url, "pid").status_code == 200
        assert before != gateway.pids


def test_idle_worker_is_replaced_after_it_is_killed(app):
    with DevServer(task_root=app) as gateway:
        (before,) = gateway.pids
        os.kill(before, 9)
        deadline = time.monotonic() + 60
        while gateway.pids == [before] and time.monotonic() < deadline:
            time.sleep(0.02)
        assert post_action(gateway.url, "pid").text == str(gateway.pids[0])


def test_exit_of_the_server_context_ends_every_worker(app):
    with DevServer(task_root=app, workers=3) as gateway:
        pids = gateway.pids
        assert len(pids) == 3
    assert all(has_ended(pid) for pid in pids)


def test_exit_of_the_server_context_ends_a_busy_worker(app):
    with ThreadPoolExecutor(1) as threads:
        with DevServer(task_root=app) as gateway:
            busy = threads.submit(post_action, gateway.url, "sleep", 60_000)
            time.sleep(0.3)
            pids = gateway.pids
        assert isinstance(busy.exception(timeout=60), requests.ConnectionError)
    assert all(has_ended(pid) for pid in pids)


def test_worker_uses_the_given_environment_handler_and_task_root(tmp_path):
    source = "import os\ndef work(e, c): return {'statusCode': 200, 'body': os.environ['WORD']}"
    (tmp_path / "mine.py").write_text(source)
    with DevServer(task_root=tmp_path, handler="mine.work", env={"WORD": "hello"}) as gateway:
        assert post_action(gateway.url, "any").text == "hello"


def test_function_that_cannot_start_is_not_restarted_for_every_request(tmp_path):
    (tmp_path / "app.py").write_text(
        f"open({str(tmp_path / 'starts')!r}, 'a').write('x')\nraise RuntimeError('broken')"
    )
    with DevServer(task_root=tmp_path) as gateway:
        responses = [post_action(gateway.url, "pid") for _ in range(20)]
        assert {response.status_code for response in responses} == {502}
        assert responses[0].headers["x-retouch-billed"] == "no"
        assert len((tmp_path / "starts").read_text()) <= 2


def test_repaired_function_starts_after_the_pause(tmp_path):
    (tmp_path / "app.py").write_text("raise RuntimeError('broken')")
    with DevServer(task_root=tmp_path) as gateway:
        assert post_action(gateway.url, "pid").status_code == 502
        (tmp_path / "app.py").write_text("def handler(e, c): return {'statusCode': 200}")
        time.sleep(1.1)
        assert post_action(gateway.url, "pid").status_code == 200
