"""No answer takes longer than it may, in real time."""

import socket
import time

import pytest

from retouch.edges.fetch.dial import Dialer
from retouch.edges.fetch.fetcher import Fetcher
from retouch.guard.policy import Policy
from retouch.guard.refusals import FetchError
from tests.support.fetching import CLOCK, URL, fetcher, outcome
from tests.support.web import GOOD, Names, Web

TIME = Policy(total_seconds=0.6, gap_seconds=0.3)


@pytest.mark.parametrize(
    "script",
    [
        {"hang_s": 600},
        {"drip_headers": True},
        {"status": 200, "headers": {}, "body": "drip:"},
    ],
    ids=["hangs", "drips a head", "drips a body"],
)
def test_real_time_ends_what_does_not_end(script):
    started = time.monotonic()
    with Web(script, tempo=20) as web:
        assert outcome(web, TIME) == "timeout"
    assert time.monotonic() - started < 15


def test_silence_ends_with_the_gap():
    started = time.monotonic()
    with Web({"hang_s": 600}) as web:
        assert outcome(web, Policy(gap_seconds=0.2)) == "timeout"
    assert time.monotonic() - started < 15


def test_the_callers_deadline_counts_when_it_is_earlier():
    started = time.monotonic()
    with Web({"drip_headers": True}, tempo=20) as web, pytest.raises(FetchError) as refused:
        fetcher(web).read(URL, CLOCK.now() + 0.4)
    assert refused.value.reason == "timeout"
    assert time.monotonic() - started < 15


def test_a_deadline_that_has_passed_connects_nowhere():
    with Web(GOOD) as web:
        with pytest.raises(FetchError) as refused:
            fetcher(web).read(URL, CLOCK.now() - 1)
        assert (refused.value.code, web.dialled) == ("ssrf_blocked", [])


def test_a_handshake_that_hangs_ends_with_the_time_for_connecting():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dialer = Dialer(
            connect=lambda where, seconds: socket.create_connection(silent.getsockname(), seconds)
        )
        names = Names({"*": [["8.8.8.8"]]})
        hurried = Fetcher(Policy(connect_seconds=0.2), CLOCK, resolve=names, dial=dialer)
        started = time.monotonic()
        with pytest.raises(FetchError) as refused:
            hurried.read(URL, CLOCK.now() + 10)
    assert refused.value.reason == "upstream_unreachable"
    assert time.monotonic() - started < 15
