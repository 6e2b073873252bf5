"""The wall by itself: one connection kept, no redirects, no ambient settings, the key for its owner only."""

import threading

import pytest

from retouch.errors import BadUpstream
from retouch.messages import Call
from retouch.plan.connect import connect
from retouch.plan.resolve import resolve
from retouch.providers import PROVIDERS
from retouch.settings import Settings
from retouch.wire.caller import Caller
from tests.support.house import TestClock, build_wall
from tests.support.upstream import Answer, Upstream


def target_for(base_url):
    clock = TestClock()
    settings = Settings.from_env({"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": base_url})
    target = resolve("gpt-image-2", Caller(), PROVIDERS, settings, clock.today())
    target = connect(target, Caller(), settings)
    wall = build_wall(settings, clock)
    return lambda call: wall(call, target, clock.now() + 10)


def test_connection_is_kept_between_calls():
    with Upstream(Answer(body=b"x" * 200_000)) as upstream:
        addresses = set()
        serve = upstream.serve
        upstream.serve = lambda handler: (addresses.add(handler.client_address), serve(handler))
        send = target_for(upstream.url)
        for _ in range(3):
            assert len(send(Call("POST", "/x", json={})).body) == 200_000
    assert len(addresses) == 1


def test_connection_is_kept_after_a_chunked_answer():
    with Upstream(Answer(pieces=[b"a", b"b"])) as upstream:
        addresses = set()
        serve = upstream.serve
        upstream.serve = lambda handler: (addresses.add(handler.client_address), serve(handler))
        send = target_for(upstream.url)
        assert [send(Call("POST", "/x", json={})).body for _ in range(2)] == [b"ab"] * 2
    assert len(addresses) == 1


def test_redirects_are_handed_over_not_followed():
    with Upstream(Answer(302, b"", {"location": "/elsewhere"})) as upstream:
        assert target_for(upstream.url)(Call("POST", "/x", json={})).status == 302
        assert len(upstream.received) == 1


def test_ambient_proxies_are_ignored(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Upstream(Answer()) as upstream:
        assert target_for(upstream.url)(Call("POST", "/x", json={})).status == 200


def test_only_own_headers_travel():
    with Upstream(Answer()) as upstream:
        target_for(upstream.url)(Call("POST", "/x", json={"a": 1}))
        (call,) = upstream.calls
    assert set(call.headers) == {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "content-type",
        "content-length",
        "authorization",
    }
    assert call.headers["accept-encoding"] == "identity"


def test_the_key_goes_to_no_other_origin():
    with Upstream(Answer()) as upstream, Upstream(Answer()) as stranger:
        send = target_for(upstream.url)
        with pytest.raises(BadUpstream, match="not its own"):
            send(Call("GET", f"{stranger.url}/x"))
        assert stranger.received == []


def test_too_large_an_answer_is_cut_off():
    with Upstream(Answer(body=b"x" * 300_000)) as upstream:
        clock = TestClock()
        settings = Settings(
            reply_bytes=100_000,
            environment={"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url},
        )
        target = resolve("gpt-image-2", Caller(), PROVIDERS, settings, clock.today())
        target = connect(target, Caller(), settings)
        with pytest.raises(BadUpstream, match="too large"):
            build_wall(settings, clock)(Call("POST", "/x", json={}), target, clock.now() + 10)


def test_stream_is_handed_over_while_it_runs():
    first_was_read = threading.Event()

    def pieces():
        yield b"a"
        assert first_was_read.wait(5), "the second piece waits until the first was read"
        yield b"b"

    answer = Answer(headers={"content-type": "text/event-stream"}, pieces=pieces())
    with Upstream(answer) as upstream:
        reply = target_for(upstream.url)(Call("POST", "/x", json={}, stream=True))
        assert next(reply.chunks) == b"a"
        first_was_read.set()
        assert b"".join(reply.chunks) == b"b"
