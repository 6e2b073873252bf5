"""Webhooks over real sockets: what arrives, who can tell that it is ours, and everything that goes wrong."""

import base64
import hashlib
import hmac
import time

import pytest

from retouch.clock import SystemClock
from retouch.edges.fetch.webhook import Webhook
from retouch.guard.policy import Policy
from retouch.guardrails import CheckError, Letter, Subject, Tools, judge, read
from tests.support.upstream import Answer, Upstream, as_json, closed_port
from tests.support.web import Names, Web

KEY = bytes(range(32))
YES = as_json({"verdict": True})
CLOCK = SystemClock()
GAVE_NONE = "The webhook gave no verdict within"


def webhook(server, **options):
    """A webhook that may speak to the server, as RETOUCH_FETCH_ALLOW would let it."""
    return Webhook(Policy.from_text(server.url.removeprefix("http://")), CLOCK, **options)


def letter(server, **options):
    return Letter(**{"url": f"{server.url}/judge?a=b", "body": b'{"a":1}', "seconds": 3, **options})


def verified(received, key):
    """As a receiver would check it, by the specification."""
    id, when = received.headers["webhook-id"], received.headers["webhook-timestamp"]
    content = b".".join([id.encode(), when.encode(), received.body])
    digest = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    version, signature = received.headers["webhook-signature"].split(",")
    fresh = abs(time.time() - int(when)) < 60
    return version == "v1" and hmac.compare_digest(signature, digest) and fresh and "." not in id


def test_a_letter_arrives_signed():
    with Upstream(YES) as server:
        answer = webhook(server)(letter(server, key=KEY, headers={"Authorization": "Bearer t"}))
    (received,) = server.received
    assert answer == b'{"verdict": true}'
    assert (received.method, received.path, received.query) == ("POST", "/judge", {"a": "b"})
    assert received.body == b'{"a":1}'
    assert received.headers["content-type"] == "application/json"
    assert received.headers["authorization"] == "Bearer t"
    assert received.headers["host"] == server.url.removeprefix("http://")
    assert verified(received, KEY)


def test_a_signature_holds_for_one_body_one_key_and_one_id():
    with Upstream(YES) as server:
        ask = webhook(server)
        ask(letter(server, key=KEY))
        ask(letter(server, key=KEY))
    first, second = server.received
    assert first.headers["webhook-id"] != second.headers["webhook-id"]
    assert not verified(first, bytes(32))
    first.body += b" "
    assert not verified(first, KEY)


def test_a_letter_without_a_key_goes_unsigned():
    with Upstream(YES) as server:
        webhook(server)(letter(server))
    assert "webhook-signature" not in server.received[0].headers
    assert server.received[0].headers["webhook-id"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (as_json({"verdict": True}, status=500), "status 200"),
        (as_json({"verdict": True}, status=201), "status 200"),
        (Answer(302, headers={"location": "/elsewhere"}), "status 200"),
        (Answer(200, b" " * 65_537), "larger than 65536 bytes"),
        (Answer(pieces=[b" " * 16_384] * 5), "larger than 65536 bytes"),
        (Answer(200, b'{"verdict": true}', {"content-encoding": "gzip"}), GAVE_NONE),
        (Answer(200, b'{"verdict": true}', fault="cut"), GAVE_NONE),
        (Answer(fault="reset"), GAVE_NONE),
    ],
)
def test_answers_that_are_none(answer, said):
    with Upstream(answer) as server, pytest.raises(CheckError) as failed:
        webhook(server)(letter(server))
    assert said in str(failed.value)
    assert len(server.received) == 1  # no redirect was followed and nothing was tried again


def test_an_answer_shorter_than_promised_is_none_even_if_it_can_be_read():
    body = b'{"verdict": true}'
    with Web({"raw": b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n" + body}) as web:
        ask = Webhook(Policy(), CLOCK, resolve=Names({"*": [["8.8.8.8"]]}), dial=web.dial)
        with pytest.raises(CheckError, match=GAVE_NONE):
            ask(Letter("https://a.test/x", b"{}", 3))


def test_an_answer_at_its_cap():
    with Upstream(Answer(200, b" " * 65_536)) as server:
        assert len(webhook(server)(letter(server))) == 65_536


@pytest.mark.parametrize(
    "answer",
    [Answer(fault="hang"), Answer(pieces=[b" "] * 1000, gap=0.05)],
    ids=["silent", "dripping"],
)
def test_time_is_up_for_the_silent_and_the_dripping(answer):
    lines, started = [], time.monotonic()
    with Upstream(answer) as server:
        with pytest.raises(CheckError, match=r"no verdict within 0\.3 seconds"):
            webhook(server, log=lines.append)(letter(server, seconds=0.3))
        assert 0.25 < time.monotonic() - started < 20  # the drip alone takes 50
    assert lines[0]["reason"] == "timeout"


def test_a_name_that_is_never_resolved_takes_no_longer():
    def never(name, seconds):
        asked.append(seconds)
        time.sleep(seconds)
        raise TimeoutError

    asked = []
    with pytest.raises(CheckError, match=GAVE_NONE):
        Webhook(Policy(), CLOCK, resolve=never)(Letter("https://a.test/x", b"{}", 0.2))
    assert 0 < asked[0] <= 0.2


@pytest.mark.parametrize(
    ("url", "addresses", "reason"),
    [
        ("http://127.0.0.1:{port}/x", [], "scheme_not_allowed"),
        ("https://127.0.0.1:{port}/x", [], "port_not_allowed"),
        ("https://127.0.0.1/x", [], "address_not_public"),
        ("https://169.254.169.254/latest", [], "address_not_public"),
        ("https://[::1]/x", [], "address_not_public"),
        ("https://metadata.internal/x", ["8.8.8.8"], "host_not_allowed"),
        ("https://a.test/x", ["10.0.0.7"], "address_not_public"),
        ("https://a.test/x", ["8.8.8.8", "127.0.0.1"], "address_not_public"),
    ],
)
def test_what_is_not_public_is_never_dialled_and_reads_like_any_failure(url, addresses, reason):
    lines = []
    with Web() as web:
        names = Names({"*": [addresses]})
        ask = Webhook(Policy(), CLOCK, resolve=names, dial=web.dial, log=lines.append)
        with pytest.raises(CheckError) as failed:
            ask(Letter(url.format(port=web.port), b"{}", 3))
        assert (web.dialled, web.asked) == ([], [])
    assert str(failed.value) == f"{GAVE_NONE} 3 seconds, or cannot be asked."
    assert [line["reason"] for line in lines] == [reason]


def test_a_closed_port_reads_the_same():
    server = type("Closed", (), {"url": f"http://127.0.0.1:{closed_port()}"})
    with pytest.raises(CheckError) as failed:
        webhook(server)(letter(server))
    assert str(failed.value) == f"{GAVE_NONE} 3 seconds, or cannot be asked."


def test_the_address_that_was_checked_is_the_one_that_is_dialled_with_the_names_certificate():
    answer = {"status": 200, "body": '{"verdict": true}'}
    with Web(answer) as web:
        names = Names({"a.test": [["8.8.8.8"], ["127.0.0.1"]]})
        ask = Webhook(Policy(), CLOCK, resolve=names, dial=web.dial)
        assert ask(Letter("https://a.test/x", b"{}", 3)) == b'{"verdict": true}'
    assert web.dialled == [("8.8.8.8", 443)]
    assert names.asked == ["a.test"]
    assert web.asked[0].server_name == "a.test"


def test_a_certificate_for_another_name_is_refused():
    with Web({"status": 200, "body": "{}", "tls": "other_name"}) as web:
        ask = Webhook(Policy(), CLOCK, resolve=Names({"*": [["8.8.8.8"]]}), dial=web.dial)
        with pytest.raises(CheckError, match=GAVE_NONE):
            ask(Letter("https://a.test/x", b"{}", 3))
        assert web.asked == []


def test_a_dead_address_is_followed_by_the_next():
    with Web({"connect_error": "ECONNREFUSED"}, {"status": 200, "body": "{}"}) as web:
        names = Names({"*": [["8.8.8.8", "1.1.1.1"]]})
        ask = Webhook(Policy(), CLOCK, resolve=names, dial=web.dial)
        assert ask(Letter("https://a.test/x", b"{}", 3)) == b"{}"
    assert [address for address, _ in web.dialled] == ["8.8.8.8", "1.1.1.1"]


def test_the_log_names_the_host_and_no_path():
    lines = []
    with Upstream(YES) as server:
        webhook(server, log=lines.append)(letter(server))
    (line,) = lines
    assert (line["event"], line["host"], line["reason"]) == ("webhook", "127.0.0.1", None)
    assert "judge" not in str(line)


def test_a_config_asks_its_webhook_and_is_denied():
    with Upstream(as_json({"verdict": False, "data": {"why": "no skies"}})) as server:
        secret = "whsec_" + base64.b64encode(KEY).decode()
        check = {"webhookURL": f"{server.url}/judge", "secret": secret}
        hooks = read({"input_guardrails": [{"default.webhook": check, "deny": True}]}).before
        tools = Tools(webhook(server), lambda review: {}, CLOCK)
        report = judge(hooks, Subject("Make the sky blue"), tools)
    assert report.denied
    assert report.results[0]["checks"][0]["data"]["responseData"] == {"why": "no skies"}
    assert verified(server.received[0], KEY)
    assert server.received[0].json()["request"]["text"] == "Make the sky blue"
