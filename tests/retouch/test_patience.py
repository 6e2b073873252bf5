"""A paid picture is not lost to a mishap on its way: what costs nothing is asked for again, and nothing else."""

from itertools import chain, repeat

import pytest

from tests.support.door import edit, png
from tests.support.house import TestClock, build_house
from tests.support.mirror import Host
from tests.support.pictures import b64, photo
from tests.support.upstream import Answer, as_json, closed_port

PICTURE = photo()
GOOD = Answer(200, PICTURE, {"content-type": "image/png"})
MISHAPS = {
    **{str(status): Answer(status) for status in (408, 429, 500, 502, 503, 504)},
    "reset": Answer(fault="reset"),
    "cut": Answer(200, PICTURE, fault="cut"),
}


class Headlong(TestClock):
    """Whose pauses never fit into any time that is left."""

    def chance(self):
        return 1000.0


def script(host, path, *answers):
    """Answer GETs of the path in this order; the last repeats."""
    coming = chain(answers, repeat(answers[-1]))
    host.scripts[path] = lambda handler: host.answer(handler, next(coming))


def asked(host, path):
    return [r for r in host.received if r.path == path]


def buy(model, clock=None, **env):
    fields = {"model": model, "prompt": "p", "image": png(PICTURE)}
    clock = clock or TestClock()
    return edit(fields, house=build_house(env, clock)), clock


@pytest.fixture
def provider():
    with Host() as host:
        yield host


@pytest.fixture
def cdn():
    with Host() as host:
        yield host


def linked(provider, home, clock=None):
    """An edit whose answer is a link to /r.png at `home`."""
    provider.answers = [as_json({"created": 1, "data": [{"url": f"{home.url}/r.png"}]})]
    env = {"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": provider.url}
    got, clock = buy("gpt-image-2", clock, RETOUCH_FETCH_ALLOW=home.url[7:], **env)
    assert len(provider.calls) == 1, "an edit was bought twice"
    return got, clock


@pytest.fixture(params=["its own host", "another host"])
def home(request, provider, cdn):
    """Where the result lies."""
    return cdn if request.param == "another host" else provider


@pytest.mark.parametrize("mishap", MISHAPS)
def test_a_result_survives_a_mishap(provider, home, mishap):
    script(home, "/r.png", MISHAPS[mishap], MISHAPS[mishap], GOOD)
    got, clock = linked(provider, home)
    assert got.status == 200
    assert got.json["data"][0]["b64_json"] == b64(PICTURE)
    assert len(asked(home, "/r.png")) == 3
    assert clock.slept == [0.5, 1.0]


@pytest.mark.parametrize("mishap", MISHAPS)
def test_three_times_at_most_and_the_bill_stays_as_it_was(provider, home, mishap):
    script(home, "/r.png", MISHAPS[mishap])
    got, _ = linked(provider, home)
    assert got.status >= 429
    assert len(asked(home, "/r.png")) == 3
    assert got.headers["x-retouch-billed"] == "unknown"
    assert got.headers["x-should-retry"] == "false"


def test_a_host_that_is_away_is_asked_again(provider):
    away = f"127.0.0.1:{closed_port()}"
    provider.answers = [as_json({"data": [{"url": f"http://{away}/r.png"}]})]
    env = {"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": provider.url}
    got, clock = buy("gpt-image-2", RETOUCH_FETCH_ALLOW=away, **env)
    assert (got.json["error"]["code"], len(clock.slept)) == ("result_not_fetched", 2)
    assert got.headers["x-retouch-billed"] == "unknown"


@pytest.mark.parametrize("answer", [Answer(404), Answer(410), Answer(400)], ids=lambda a: a.status)
def test_what_never_can_is_asked_for_once(provider, home, answer):
    script(home, "/r.png", answer, GOOD)
    got, clock = linked(provider, home)
    assert got.status >= 400
    assert len(asked(home, "/r.png")) == 1
    assert clock.slept == []


def test_no_picture_is_asked_for_once(provider, cdn):
    script(cdn, "/r.png", Answer(200, b"<html>"), GOOD)
    got, _ = linked(provider, cdn)
    assert got.json["error"]["code"] == "result_not_fetched"
    assert len(asked(cdn, "/r.png")) == 1


def test_a_pause_that_does_not_fit_the_deadline_is_not_made(provider, home):
    script(home, "/r.png", Answer(503), GOOD)
    got, clock = linked(provider, home, Headlong())
    assert got.status == 502
    assert len(asked(home, "/r.png")) == 1
    assert clock.slept == []


@pytest.mark.parametrize("mishap", MISHAPS)
def test_a_poll_survives_a_mishap(provider, mishap):
    provider.answers = [as_json({"id": "t", "polling_url": f"{provider.url}/v1/get_result?id=t"})]
    ready = {"status": "Ready", "result": {"sample": f"{provider.url}/r.png"}}
    script(provider, "/v1/get_result", MISHAPS[mishap], as_json(ready))
    script(provider, "/r.png", GOOD)
    env = {"BFL_API_KEY": "k", "BFL_BASE_URL": f"{provider.url}/v1"}
    got, _ = buy("black-forest-labs/flux-kontext-pro", **env)
    assert got.status == 200
    assert len(provider.calls) == 1
    assert len(asked(provider, "/v1/get_result")) == 2


@pytest.mark.parametrize("mishap", MISHAPS)
def test_a_poll_that_is_a_post_survives_a_mishap(provider, mishap):
    ready = {"id": "t", "status": "Ready", "result": {"sample": f"{provider.url}/r.png"}}
    provider.answers = [as_json({"request_id": "t"}), MISHAPS[mishap], as_json(ready)]
    script(provider, "/r.png", GOOD)
    env = {"FIREWORKS_API_KEY": "k", "FIREWORKS_BASE_URL": provider.url}
    got, _ = buy("fireworks-ai/flux-kontext-pro", **env)
    assert got.status == 200
    order, *polls = provider.calls
    assert order.json()["prompt"] == "p"
    assert [poll.json() for poll in polls] == [{"id": "t"}] * 2


def test_an_end_that_is_known_is_not_asked_for_again(provider):
    urls = {"status_url": f"{provider.url}/s", "response_url": f"{provider.url}/r"}
    provider.answers = [as_json({"request_id": "r", **urls})]
    script(provider, "/s", as_json({"error": "moderation blocked it"}, 500))
    env = {"SEGMIND_API_KEY": "k", "SEGMIND_BASE_URL": provider.url}
    got, _ = buy("segmind/flux-kontext-pro", **env)
    assert got.json["error"]["code"] == "moderation_blocked"
    assert len(asked(provider, "/s")) == 1


@pytest.mark.parametrize("mishap", [name for name in MISHAPS if name != "429"])
def test_an_order_is_sent_once(provider, mishap):
    provider.answers = [MISHAPS[mishap], as_json({"data": [{"b64_json": b64(PICTURE)}]})]
    env = {"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": provider.url}
    got, clock = buy("gpt-image-2", **env)
    assert got.status >= 500
    assert (len(provider.calls), clock.slept) == (1, [])
    assert got.headers["x-retouch-billed"] == "unknown"


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_an_order_is_sent_once_even_when_its_failure_names_a_time(provider, status):
    provider.answers = [Answer(status, b"", {"retry-after": "1"})]
    env = {"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": provider.url}
    _, clock = buy("gpt-image-2", **env)
    assert (len(provider.calls), clock.slept) == (1, [])
