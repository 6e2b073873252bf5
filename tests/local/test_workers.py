"""Processes: one invocation each, as many as are needed, replaced when they end."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import requests

from local.gateway import Gateway
from local.settings import Workers

EDITS = "/v1/images/edits"


def ask(url, do, n=0):
    return requests.post(f"{url}{EDITS}?do={do}&n={n}", timeout=30)


def together(url, count, do, n):
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(lambda _: ask(url, do, n), range(count)))


def gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_parallel_requests_get_workers_of_their_own(app):
    with Gateway(task_root=app, workers=Workers(1, 4)) as gateway:
        assert len(gateway.pids) == 1
        answers = together(gateway.url, 4, "sleep", 800)
        assert [answer.status_code for answer in answers] == [200] * 4
        assert len({answer.text for answer in answers}) == 4
        assert len(gateway.pids) == 4


def test_more_requests_than_workers_wait_their_turn(app):
    with Gateway(task_root=app, workers=Workers(1, 2)) as gateway:
        answers = together(gateway.url, 6, "sleep", 100)
        assert [answer.status_code for answer in answers] == [200] * 6
        assert len({answer.text for answer in answers}) == 2


def test_one_request_after_the_other_needs_one_worker(app):
    with Gateway(task_root=app, workers=Workers(1, 4)) as gateway:
        with requests.Session() as session:
            url = f"{gateway.url}{EDITS}?do=pid"
            assert len({session.post(url, timeout=60).text for _ in range(200)}) == 1
        assert len(gateway.pids) == 1


def test_a_worker_that_dies_answers_502_and_is_replaced(app):
    with Gateway(task_root=app) as gateway:
        before = gateway.pids
        assert ask(gateway.url, "exit").status_code == 502
        assert ask(gateway.url, "pid").status_code == 200
        assert before != gateway.pids


def test_an_idle_worker_that_is_killed_is_replaced(app):
    with Gateway(task_root=app) as gateway:
        (before,) = gateway.pids
        os.kill(before, 9)
        deadline = time.monotonic() + 60
        while gateway.pids == [before] and time.monotonic() < deadline:
            time.sleep(0.02)
        assert ask(gateway.url, "pid").text == str(gateway.pids[0])


def test_leaving_ends_every_process(app):
    with Gateway(task_root=app, workers=3) as gateway:
        pids = gateway.pids
        assert len(pids) == 3
    assert all(gone(pid) for pid in pids)


def test_leaving_ends_a_busy_process(app):
    with ThreadPoolExecutor(1) as threads:
        with Gateway(task_root=app) as gateway:
            busy = threads.submit(ask, gateway.url, "sleep", 60_000)
            time.sleep(0.3)
            pids = gateway.pids
        assert isinstance(busy.exception(timeout=60), requests.ConnectionError)
    assert all(gone(pid) for pid in pids)


def test_environment_handler_and_folder_are_the_callers(tmp_path):
    source = "import os\ndef work(e, c): return {'statusCode': 200, 'body': os.environ['WORD']}"
    (tmp_path / "mine.py").write_text(source)
    with Gateway(task_root=tmp_path, handler="mine.work", env={"WORD": "hello"}) as gateway:
        assert ask(gateway.url, "any").text == "hello"


def test_a_function_that_cannot_start_is_refused_without_spinning(tmp_path):
    (tmp_path / "app.py").write_text(
        f"open({str(tmp_path / 'starts')!r}, 'a').write('x')\nraise RuntimeError('broken')"
    )
    with Gateway(task_root=tmp_path) as gateway:
        answers = [ask(gateway.url, "pid") for _ in range(20)]
        assert {answer.status_code for answer in answers} == {502}
        assert answers[0].headers["x-retouch-billed"] == "no"
        assert len((tmp_path / "starts").read_text()) <= 2


def test_a_function_that_was_mended_starts_after_the_pause(tmp_path):
    (tmp_path / "app.py").write_text("raise RuntimeError('broken')")
    with Gateway(task_root=tmp_path) as gateway:
        assert ask(gateway.url, "pid").status_code == 502
        (tmp_path / "app.py").write_text("def handler(e, c): return {'statusCode': 200}")
        time.sleep(1.1)
        assert ask(gateway.url, "pid").status_code == 200
