"""Tests that no response takes longer than its time limit, in real time."""

import socket
import time

import pytest

from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.policy import FetchPolicy
from retouch.infrastructure.fetch.connector import Connector
from retouch.infrastructure.fetch.fetcher import Fetcher
from tests.support.fake_internet import GOOD_RESPONSE, FakeInternet, ScriptedResolver
from tests.support.fetching import CLOCK, URL, fetch_outcome, make_fetcher

SHORT_TIMEOUTS = FetchPolicy(total_seconds=0.6, read_seconds=0.3)


@pytest.mark.parametrize(
    "script",
    [
        {"hang_s": 600},
        {"drip_headers": True},
        {"status": 200, "headers": {}, "body": "drip:"},
    ],
    ids=["hangs", "drips a head", "drips a body"],
)
def test_endless_response_ends_at_total_timeout(script):
    started = time.monotonic()
    with FakeInternet(script, speedup=20) as web:
        assert fetch_outcome(web, SHORT_TIMEOUTS) == "timeout"
    assert time.monotonic() - started < 15


def test_silent_server_ends_at_read_timeout():
    started = time.monotonic()
    with FakeInternet({"hang_s": 600}) as web:
        assert fetch_outcome(web, FetchPolicy(read_seconds=0.2)) == "timeout"
    assert time.monotonic() - started < 15


def test_earlier_caller_deadline_ends_fetch():
    started = time.monotonic()
    with (
        FakeInternet({"drip_headers": True}, speedup=20) as web,
        pytest.raises(FetchError) as exc_info,
    ):
        make_fetcher(web).read(URL, CLOCK.now() + 0.4)
    assert exc_info.value.reason == "timeout"
    assert time.monotonic() - started < 15


def test_passed_deadline_opens_no_connection():
    with FakeInternet(GOOD_RESPONSE) as web:
        with pytest.raises(FetchError) as exc_info:
            make_fetcher(web).read(URL, CLOCK.now() - 1)
        assert (exc_info.value.code, web.connected_addresses) == ("ssrf_blocked", [])


def test_hanging_tls_handshake_ends_at_connect_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dialer = Connector(
            tcp_connect=lambda address, seconds: socket.create_connection(
                silent.getsockname(), seconds
            )
        )
        names = ScriptedResolver({"*": [["8.8.8.8"]]})
        fetcher_with_short_timeout = Fetcher(
            FetchPolicy(connect_seconds=0.2), CLOCK, resolve_name=names, open_connection=dialer
        )
        started = time.monotonic()
        with pytest.raises(FetchError) as exc_info:
            fetcher_with_short_timeout.read(URL, CLOCK.now() + 10)
    assert exc_info.value.reason == "upstream_unreachable"
    assert time.monotonic() - started < 15
