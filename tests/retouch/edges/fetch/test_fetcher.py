"""What the hostile cases do not ask of the way there: exceptions, names, addresses, the log."""

import pytest

from retouch.edges.fetch.fetcher import Fetcher
from retouch.guard.policy import Policy
from retouch.guard.refusals import SENTENCES, FetchError
from tests.support.fetching import CLOCK, PNG, URL, answer, fetcher, outcome, raw
from tests.support.pictures import photo
from tests.support.upstream import Upstream, closed_port
from tests.support.web import GOOD, Names, Web


def test_a_picture_comes_from_where_a_redirect_leads():
    jpeg = photo(8, 8, "JPEG")
    there = {"status": 302, "headers": {"location": "/y"}, "body": ""}
    with (
        Web(there, raw(f"content-length: {len(jpeg)}", body=jpeg)) as web,
        fetcher(web).open(URL, CLOCK.now() + 10) as fetched,
    ):
        assert b"".join(fetched.chunks) == jpeg
    assert [one.target for one in web.asked] == ["/x.png?sig=secret", "/y"]


def test_a_certificate_for_another_name_is_refused():
    with Web({**GOOD, "tls": "other_name"}) as web:
        assert outcome(web) == "tls_failed"
        assert web.asked == []


def test_an_address_that_is_dead_is_followed_by_the_next():
    with Web({"connect_error": "ECONNREFUSED"}, {"connect_error": "ETIMEDOUT"}, GOOD) as web:
        answers = {"a.test": [["2606:4700::1", "8.8.8.8", "1.1.1.1"]]}
        assert fetcher(web, answers=answers).read(URL, CLOCK.now() + 10) == PNG
        assert [address for address, _ in web.dialled] == ["8.8.8.8", "1.1.1.1", "2606:4700::1"]


def test_an_exception_opens_a_private_host_for_plain_http():
    policy = Policy.from_text("minio:9000")
    with Web(GOOD) as web:
        private = fetcher(web, policy, {"minio": [["10.0.0.7"]]})
        assert private.read("http://minio:9000/x", CLOCK.now() + 10) == PNG
        assert web.dialled == [("10.0.0.7", 9000)]
        assert web.asked[0].headers["host"] == "minio:9000"


def test_an_exception_is_no_way_down_from_https():
    policy = Policy.from_text("minio:9000")
    there = {"status": 302, "headers": {"location": "http://minio:9000/x"}, "body": ""}
    with Web(there, GOOD) as web:
        assert outcome(web, policy) == "redirect_blocked"


@pytest.mark.parametrize(
    "location", ["\\\\b.test/x", "https://b.test/" + "a" * 4096, "https://b te st/"]
)
def test_a_redirect_to_what_is_no_url_is_blocked_as_any_other(location):
    there = {"status": 302, "headers": {"location": location}, "body": ""}
    with Web(there) as web, pytest.raises(FetchError) as refused:
        fetcher(web).read(URL, CLOCK.now() + 10)
    assert (refused.value.code, refused.value.reason) == ("ssrf_blocked", "redirect_blocked")


def test_names_are_resolved_once_a_hop():
    names = Names({"*": [["8.8.8.8"]]})
    there = {"status": 307, "headers": {"location": "https://b.test/"}, "body": ""}
    with Web(there, GOOD) as web:
        Fetcher(Policy(), CLOCK, resolve=names, dial=web.dial).read(URL, CLOCK.now() + 10)
    assert names.asked == ["a.test", "b.test"]


def test_a_literal_address_is_never_resolved():
    with Web(GOOD) as web:
        names = Names({})
        got = Fetcher(Policy(), CLOCK, resolve=names, dial=web.dial).read(
            "https://8.8.8.8/", CLOCK.now() + 10
        )
    assert (got, names.asked) == (PNG, [])


def test_the_real_dialer_fetches_from_an_excepted_local_server():
    with Upstream() as upstream:
        upstream.files["/x.png"] = PNG
        policy = Policy.from_text(upstream.url.removeprefix("http://"))
        assert Fetcher(policy, CLOCK).read(f"{upstream.url}/x.png", CLOCK.now() + 5) == PNG


def test_without_the_exception_the_real_dialer_never_starts():
    port = closed_port()
    with pytest.raises(FetchError) as refused:
        Fetcher(Policy(schemes=("http",), ports=(port,)), CLOCK).read(
            f"http://127.0.0.1:{port}/", CLOCK.now() + 5
        )
    assert refused.value.reason == "address_not_public"


def test_closed_unknown_and_forbidden_hosts_read_the_same():
    errors = []
    for url, scripts in [
        (URL, [{"connect_error": "ECONNREFUSED"}]),
        (URL, [{**GOOD, "tls": "expired"}]),
        ("https://unknown.test/", [GOOD]),
        ("https://10.0.0.7/", [GOOD]),
        ("https://localhost/", [GOOD]),
        ("https://a.test:22/", [GOOD]),
        ("http://a.test/", [GOOD]),
    ]:
        with Web(*scripts) as web, pytest.raises(FetchError) as refused:
            fetcher(web, answers={"a.test": [["8.8.8.8"]]}).read(url, CLOCK.now() + 5)
        errors.append(refused.value)
    assert {(e.code, str(e), e.retryable) for e in errors} == {
        ("ssrf_blocked", SENTENCES["ssrf_blocked"], False)
    }
    assert len({e.reason for e in errors}) == 7
    assert [e.transient for e in errors] == [True, False, True, False, False, False, False]


def test_one_line_tells_a_fetch_without_its_secrets():
    log = []
    there = {"status": 302, "headers": {"location": "https://b.test/y?sig=secret"}, "body": ""}
    with Web(there, GOOD) as web:
        fetcher(web, log=log).read(URL, CLOCK.now() + 10)
    (line,) = log
    assert line.pop("ms") >= 0
    size = line.pop("bytes")
    assert size > 60
    assert line == {
        "event": "fetch",
        "verdict": "fetched",
        "reason": None,
        "host": "a.test",
        "last_host": "b.test",
        "address": "8.8.8.8",
        "hops": 1,
    }


def test_a_blocked_redirect_is_told_with_its_target():
    log = []
    there = {"status": 302, "headers": {"location": "https://10.0.0.7/y?sig=secret"}, "body": ""}
    with Web(there) as web, pytest.raises(FetchError):
        fetcher(web, log=log).read(URL, CLOCK.now() + 10)
    assert [(x["verdict"], x["reason"], x["last_host"], x["address"]) for x in log] == [
        ("refused", "address_not_public", "10.0.0.7", "10.0.0.7")
    ]


def test_the_address_that_condemned_a_name_is_told():
    log = []
    answers = {"a.test": [["8.8.8.8", "10.0.0.7", "1.1.1.1"]]}
    with Web(GOOD) as web, pytest.raises(FetchError):
        fetcher(web, answers=answers, log=log).read(URL, CLOCK.now() + 10)
    assert [(line["host"], line["address"]) for line in log] == [("a.test", "10.0.0.7")]
    assert web.dialled == []


@pytest.mark.parametrize("url", ["https://user:secret@a.test/", "secret", "https://se cret/"])
def test_what_is_no_url_is_not_repeated_in_the_log(url):
    log = []
    with Web(GOOD) as web, pytest.raises(FetchError):
        fetcher(web, log=log).read(url, CLOCK.now() + 10)
    assert [line["host"] for line in log] == [None]
    assert "secret" not in str(log)


def test_a_picture_left_half_way_is_told_as_left():
    log = []
    with Web(answer("stream:endless")) as web:
        with fetcher(web, log=log).open(URL, CLOCK.now() + 10) as fetched:
            assert next(fetched.chunks).startswith(b"\x89PNG")
        with pytest.raises(FetchError):
            list(fetched.chunks)
        fetched.close()
    assert [line["verdict"] for line in log] == ["left"]


@pytest.mark.parametrize(
    "scripts",
    [
        [GOOD],
        [answer(status=404)],
        [answer("no picture")],
        [answer(status=302, location="/y"), GOOD],
        [answer(status=302, location="/y")],
        [answer(status=302, location="https://10.0.0.7/")],
    ],
)
def test_every_connection_is_ended(scripts):
    with Web(*scripts) as web:
        outcome(web)
        assert [one.inner.fileno() for one in web.connections] == [-1] * len(web.dialled)


def test_leaving_a_picture_ends_its_connection():
    with Web(answer("stream:endless")) as web:
        with fetcher(web).open(URL, CLOCK.now() + 10):
            assert web.connections[0].inner.fileno() != -1
        assert web.connections[0].inner.fileno() == -1


def test_a_body_that_breaks_is_told_once():
    log = []
    with (
        Web(raw("content-length: 5000", body=PNG)) as web,
        fetcher(web, log=log).open(URL, CLOCK.now() + 10) as fetched,
        pytest.raises(FetchError),
    ):
        list(fetched.chunks)
    assert [(line["verdict"], line["reason"], line["bytes"]) for line in log] == [
        ("failed", "truncated", len(PNG))
    ]


def test_nothing_is_kept_between_two_fetches():
    with Web({**GOOD, "headers": {"set-cookie": "a=b", "connection": "keep-alive"}}) as web:
        one = fetcher(web)
        assert [one.read(URL, CLOCK.now() + 10) for _ in range(2)] == [PNG, PNG]
        assert len(web.dialled) == 2
        assert "cookie" not in web.asked[1].headers
