"""Slow is not failed: the line is kept open, the status stays honest as long as it can."""

import base64
import json
from math import inf
from threading import Event

import pytest

from retouch.edges.door import build
from retouch.pulse import pulse
from retouch.wire.late import quiet
from tests.support.door import frames, png, telemetry
from tests.support.events import context, form_event
from tests.support.house import build_house
from tests.support.pictures import b64, photo
from tests.support.upstream import Upstream, as_events, as_json

PICTURE = photo()
FIELDS = {"model": "gpt-image-2", "prompt": "p", "image": png(PICTURE)}


def slowly(answer, fields=FIELDS, **env):
    """The handler's raw answer while the provider takes its time, its body in pieces."""
    answer.delay = 0.5
    with Upstream(answer) as upstream:
        settings = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url, **env}
        handler = build(build_house(settings), lambda: None, telemetry())
        given = handler(form_event(fields), context())
        body = given["body"]
        pieces = [bytes(body)] if isinstance(body, memoryview) else list(body)
        assert len(upstream.calls) == 1
    return given["statusCode"], pieces


GOOD = {"created": 1, "data": [{"b64_json": b64(PICTURE)}]}
REFUSED = {"error": {"code": "moderation_blocked", "message": "no"}}


def test_an_answer_in_time_has_its_own_status():
    status, pieces = slowly(as_json(REFUSED, 400), RETOUCH_SILENCE_SECONDS="5")
    assert status == 400
    assert json.loads(pieces[0])["error"]["code"] == "moderation_blocked"


def test_a_late_answer_begins_with_spaces_and_is_still_json():
    status, pieces = slowly(as_json(GOOD), RETOUCH_SILENCE_SECONDS="0.1")
    assert status == 200
    assert pieces[:2] == [b" ", b" "]
    answer = json.loads(b"".join(pieces))
    assert base64.b64decode(answer["data"][0]["b64_json"]) == PICTURE


def test_a_late_failure_is_still_the_envelope():
    status, pieces = slowly(as_json(REFUSED, 400), RETOUCH_SILENCE_SECONDS="0.1")
    assert status == 200
    assert json.loads(b"".join(pieces))["error"]["code"] == "moderation_blocked"


def test_a_stream_is_never_silent():
    done = {"type": "image_edit.completed", "b64_json": b64(PICTURE)}
    status, pieces = slowly(
        as_events(done), {**FIELDS, "stream": "true"}, RETOUCH_HEARTBEAT_SECONDS="0.1"
    )
    assert status == 200
    assert pieces[0] == b": keep-alive\n\n"
    assert [name for name, _ in frames(pieces[-1])] == ["image_edit.completed"]


def test_a_late_failure_of_a_stream_is_an_error_event():
    fields = {**FIELDS, "stream": "true"}
    status, pieces = slowly(as_json(REFUSED, 400), fields, RETOUCH_HEARTBEAT_SECONDS="0.1")
    assert status == 200
    assert frames(pieces[-1])[0][0] == "error"


def broken(*_):
    raise RuntimeError("secret detail")


def test_a_late_crash_ends_in_an_envelope_not_in_a_cut_line(monkeypatch, capsys):
    monkeypatch.setattr("retouch.attempt.collect", broken)
    status, pieces = slowly(as_json(GOOD), RETOUCH_SILENCE_SECONDS="0.1")
    assert status == 200
    assert json.loads(b"".join(pieces))["error"]["code"] == "internal_error"
    assert "secret detail" not in str(pieces)
    assert "secret detail" in capsys.readouterr().out


def test_a_crash_in_a_stream_is_an_error_event(monkeypatch):
    monkeypatch.setattr("retouch.attempt.polish", broken)
    fields = {**FIELDS, "stream": "true"}
    done = {"type": "image_edit.completed", "b64_json": b64(PICTURE)}
    _, pieces = slowly(as_events(done), fields, RETOUCH_HEARTBEAT_SECONDS="0.1")
    assert frames(pieces[-1])[0][1]["error"]["code"] == "internal_error"


def logged(capsys):
    """The line about the request, and the metrics beside it."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[:1] == "{"]
    (line,) = [one for one in lines if one.get("message") == "request"]
    return line, [one for one in lines if "_aws" in one]


def test_a_late_answer_says_in_its_body_what_its_headers_would_have_said():
    _, pieces = slowly(as_json(GOOD), RETOUCH_SILENCE_SECONDS="0.1")
    told = json.loads(b"".join(pieces))["retouch"]
    assert (told["status"], told["billed"], told["model"]) == (200, "yes", "openai/gpt-image-2")
    assert told["cost-usd"].endswith("estimated")


def test_a_late_failure_is_recorded_as_what_it_is(capsys):
    _, pieces = slowly(as_json({"error": {}}, 500), RETOUCH_SILENCE_SECONDS="0.1")
    told = json.loads(b"".join(pieces))["retouch"]
    assert (told["status"], told["billed"]) == (502, "unknown")
    line, metrics = logged(capsys)
    assert (line["status"], line["error"], line["blame"]) == (502, "provider_error", "provider")
    assert line["billed"] == "unknown"
    assert line["ms"] > 400
    assert [one["EditErrors"] for one in metrics] == [[1.0]]


def test_a_late_success_is_recorded_with_its_bill(capsys):
    slowly(as_json(GOOD), RETOUCH_SILENCE_SECONDS="0.1")
    line, metrics = logged(capsys)
    assert (line["status"], line["provider"], line["delivered"]) == (200, "openai", 1)
    assert (line["billed"], line["cost_usd"]) == ("yes", "0.053 estimated")
    assert [one["EditRequests"] for one in metrics] == [[1.0]]
    assert [one["EditLatency"] for one in metrics] == [[pytest.approx(line["ms"], abs=0.1)]]
    assert line["ms"] > 400


def test_a_stream_that_fails_is_recorded_as_a_failure(capsys):
    fields = {**FIELDS, "stream": "true"}
    _, pieces = slowly(as_json(REFUSED, 400), fields, RETOUCH_HEARTBEAT_SECONDS="0.1")
    told = frames(pieces[-1])[0][1]["retouch"]
    assert (told["status"], told["billed"]) == (400, "unknown")
    line, metrics = logged(capsys)
    assert (line["status"], line["error"]) == (400, "moderation_blocked")
    assert [one["EditErrors"] for one in metrics] == [[1.0]]


def test_a_stream_that_nobody_reads_to_its_end_is_recorded_too(capsys):
    fields = {**FIELDS, "stream": "true"}
    done = as_events({"type": "image_edit.completed", "b64_json": b64(PICTURE)})
    done.delay = 0.5
    with Upstream(done) as upstream:
        settings = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url}
        house = build_house({**settings, "RETOUCH_HEARTBEAT_SECONDS": "0.1"})
        given = build(house, lambda: None, telemetry())(form_event(fields), context())
        assert next(given["body"]) == b": keep-alive\n\n"
        given["body"].close()
    line, _ = logged(capsys)
    assert (line["status"], line["left"]) == (200, True)


@pytest.mark.parametrize(
    ("headers", "silence", "seconds"),
    [
        ({}, 0.0, inf),
        ({}, 240.0, 240.0),
        ({"x-stainless-read-timeout": "2.0"}, 240.0, 1.0),
        ({"x-stainless-read-timeout": "600"}, 240.0, 240.0),
        ({"x-stainless-read-timeout": "600"}, 0.0, 300.0),
        ({"x-stainless-timeout": "10"}, 0.0, 5.0),
        ({"x-stainless-timeout": "0"}, 0.0, 0.1),
        ({"x-stainless-read-timeout": "NOT_GIVEN"}, 0.0, inf),
        ({"x-stainless-read-timeout": "-1"}, 240.0, 240.0),
        ({"x-stainless-read-timeout": "1e9"}, 240.0, 240.0),
    ],
)
def test_who_bears_how_much_silence(headers, silence, seconds):
    assert quiet(headers, silence) == seconds


def test_work_that_nobody_waits_for_ends_at_its_next_item():
    go, closed, more = Event(), Event(), Event()

    def work():
        try:
            yield 1
            go.wait(20)
            yield 2
            more.set()
        finally:
            closed.set()

    waiting = pulse(work(), 1.0)
    assert next(waiting) == 1
    waiting.close()
    go.set()
    assert closed.wait(20)
    assert not more.is_set()


def test_pulse_passes_errors_on():
    def failing():
        yield 1
        raise ValueError("broken")

    waiting = pulse(failing(), 1.0)
    assert next(waiting) == 1
    with pytest.raises(ValueError, match="broken"):
        next(waiting)
