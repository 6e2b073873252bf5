"""Links in a provider's answer that are made to lead its key astray, or are no links at all: after the paid call."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from retouch.providers import PROVIDERS
from tests.contract.corridor import ask, house_of
from tests.contract.enrolled import lives, standin
from tests.contract.orders import wanted
from tests.support.upstream import Answer, as_json

# {own} is the provider's origin, {evil} another one that listens: a host and its port.
ASTRAY = [
    "http://{evil}\\@{own}/x",
    "http://{evil}\\@u@{own}/x",
    "http://{evil}\\\\@{own}/x",
    "http://{evil}\t@{own}/x",
    "http://{evil}\\.{own}/x",
    "http://{evil} @{own}/x",
    "http://{own}\\@{evil}/x",
    "http://{own}@{evil}/x",
    "http://{evil}@{own}/x",
    "http://u:p@{own}/x",
    "http://{own}:/x",
    "http://{own}\r\nHost: {evil}/x",
    "http://{evil}%2f@{own}/x",
    "http:/{evil}/x",
    "http:{evil}/x",
    "http:\\\\{evil}/x",
    "\thttp://{evil}/x",
    "@{evil}/x",
    "https://host:99999/x.png",
    "https://host:abc/x.png",
    "https://[::1/x.png",
    "https://\u2100.com/x.png",
    "file:///etc/passwd",
    "x.png",
    "",
]
FOREIGN = ["http://{evil}/x", "http://{evil}#@{own}/x", "http://{evil}?@{own}/x"]
NO_TEXT = [5, 1.5, True, None, [], [5], {}, {"url": 5}]

SHAPELESS = ("provider_error", "no_image_returned")


def named(slug):
    return next(provider for provider in PROVIDERS if provider.name == slug)


def image(url, _):
    return [as_json({"created": 1, "data": [{"url": url}]})]


def gone(url, server):
    return [*image(url, server), Answer(404)]


def poll(url, _):
    return [as_json({"id": "t", "polling_url": url})]


def sample(url, server):
    state = {"status": "Ready", "result": {"sample": url}}
    return [as_json({"id": "t", "polling_url": f"{server.url}/v1/get_result"}), as_json(state)]


def status(url, server):
    return [as_json({"request_id": "r", "status_url": url, "response_url": f"{server.url}/r"})]


def response(url, server):
    order = {"request_id": "r", "status_url": f"{server.url}/s", "response_url": url}
    return [as_json(order), as_json({"status": "COMPLETED"})]


def output(url, server):
    order = {"request_id": "r", "status_url": f"{server.url}/s", "response_url": f"{server.url}/r"}
    return [as_json(order), as_json({"status": "COMPLETED", "output": url})]


ANSWERS = [
    ("openai", image),
    ("black-forest-labs", poll),
    ("black-forest-labs", sample),
    ("segmind", status),
    ("segmind", response),
    ("segmind", output),
]
IDS = [answers.__name__ for _, answers in ANSWERS]


def bought(slug, answers, link):
    """An order whose answer has the link, all the way; what came of it, and who was asked for what."""
    provider = named(slug)
    model = next(m for m in provider.models if lives(provider, m))
    order = replace(next(iter(wanted(provider, model).values())), n=1)
    with standin(provider) as server:
        if isinstance(link, str):
            own, evil = (urlsplit(one.url).netloc for one in (server, server.elsewhere))
            link = link.format(own=own, evil=evil)
        server.failing = answers(link, server)
        return ask(order, house=house_of(server)), server, server.elsewhere.received


def kept(outcome, server, elsewhere):
    """The truth about the bill, and a key that stayed at home."""
    assert outcome.headers["x-retouch-billed"] == "unknown"
    assert outcome.headers["x-should-retry"] == "false"
    assert outcome.error["code"] != "internal_error"
    assert server.key in str(server.received[0].headers)
    assert server.key not in str([(r.path, r.query, r.headers) for r in elsewhere])
    assert len({r.path for r in server.received if r.method == "POST"}) == 1


@pytest.mark.parametrize(("slug", "answers"), ANSWERS, ids=IDS)
@pytest.mark.parametrize("link", ASTRAY, ids=ascii)
def test_a_link_that_is_no_url_leads_nowhere(slug, answers, link):
    outcome, server, elsewhere = bought(slug, answers, link)
    kept(outcome, server, elsewhere)
    assert outcome.status == 502
    assert outcome.error["code"] in ("result_not_fetched", *SHAPELESS)
    assert elsewhere == []
    assert not [r for r in server.received if r.path.endswith("/x")]


@pytest.mark.parametrize("link", list(filter(None, ASTRAY)), ids=ascii)
def test_the_plain_answer_says_that_the_result_was_not_fetched(link):
    outcome, server, _ = bought("openai", image, link)
    assert (outcome.status, outcome.error["code"]) == (502, "result_not_fetched")
    assert len(server.received) == 1


@pytest.mark.parametrize(("slug", "answers"), ANSWERS, ids=IDS)
@pytest.mark.parametrize("link", FOREIGN, ids=ascii)
def test_another_host_is_asked_without_the_key_or_not_at_all(slug, answers, link):
    outcome, server, elsewhere = bought(slug, answers, link)
    kept(outcome, server, elsewhere)
    assert outcome.status == 502
    assert not {"authorization", "x-key", "x-api-key"} & {n for r in elsewhere for n in r.headers}


@pytest.mark.parametrize(("slug", "answers"), ANSWERS, ids=IDS)
@pytest.mark.parametrize("link", NO_TEXT, ids=ascii)
def test_a_link_that_is_no_text_is_an_answer_of_an_unknown_shape(slug, answers, link):
    outcome, server, elsewhere = bought(slug, answers, link)
    kept(outcome, server, elsewhere)
    assert (outcome.status, outcome.error["code"] in SHAPELESS) == (502, True)
    assert elsewhere == []


@pytest.mark.parametrize("link", ["/x", "//{evil}/x", "/\\@{evil}/x"])
def test_a_link_below_the_providers_own_address_stays_there(link):
    outcome, server, elsewhere = bought("openai", gone, link)
    kept(outcome, server, elsewhere)
    assert elsewhere == []
    assert [r.method for r in server.received] == ["POST", "GET"]
