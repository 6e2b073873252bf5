"""What the hostile cases do not ask of an answer: caps to the byte, cut bodies, broken framing."""

from dataclasses import replace

import pytest

from retouch.guard.policy import Policy
from retouch.guard.refusals import FetchError
from tests.support.fetching import CLOCK, PNG, URL, answer, chunked, fetcher, outcome, raw
from tests.support.web import GOOD, Web


@pytest.mark.parametrize("framing", ["length", "chunks", "end of the connection"])
def test_the_cap_holds_to_the_byte(framing):
    script = {
        "length": answer(),
        "chunks": raw("transfer-encoding: chunked", body=chunked(PNG)),
        "end of the connection": raw(body=PNG),
    }[framing]
    with Web(script) as web:
        assert outcome(web, most_bytes=len(PNG)) == PNG
        assert outcome(web, most_bytes=len(PNG) - 1) == "too_large"


def test_an_end_without_tls_saying_so_is_a_cut():
    script = {**raw(body=PNG), "rude": True}
    with Web(script) as web:
        assert outcome(web) == "truncated"


def test_a_caller_may_lower_the_cap_but_not_raise_it():
    with Web(GOOD) as web:
        assert outcome(web, most_bytes=len(PNG) - 40) == "too_large"
        assert outcome(web, most_bytes=0) == "too_large"
        assert outcome(web, replace(Policy(), most_bytes=20), most_bytes=10_000) == "too_large"


def test_the_sentence_about_size_names_the_cap():
    with Web(answer("bytes:2000")) as web, pytest.raises(FetchError, match=r"1500 bytes"):
        fetcher(web).read(URL, CLOCK.now() + 10, most_bytes=1500)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (raw("content-length: 5000", body=PNG), "truncated"),
        (raw("content-length: 5000", body=PNG[:4]), "truncated"),
        (raw("transfer-encoding: chunked", body=chunked(PNG)[:-9]), "truncated"),
        (raw("transfer-encoding: chunked", body=chunked(PNG)[:-5]), "truncated"),
        (raw("transfer-encoding: gzip, chunked", body=chunked(PNG)), "content_encoding"),
        (raw("content-encoding: deflate", body=PNG), "content_encoding"),
        (raw("content-length: 5", "content-length: 6", body=PNG), "bad_answer"),
        (raw("content-length: +70", body=PNG), "bad_answer"),
        (raw("content-length: -1", body=PNG), "bad_answer"),
        (raw("no header at all", body=PNG), "bad_answer"),
        (raw("x: " + "a" * 70_000, body=PNG), "header_too_large"),
        (raw(*[f"x-{n}: a" for n in range(101)], body=PNG), "header_too_large"),
        (raw(*["x: " + "a" * 1000] * 90, body=PNG), "header_too_large"),
        ({"raw": b"HTTP/1.1 100 Continue\r\n\r\n" * 5000}, "header_too_large"),
        ({"raw": b"SSH-2.0-OpenSSH_9.6\r\n"}, "bad_answer"),
        ({"raw": b""}, "truncated"),
        (answer("bytes:100"), "not_an_image"),
        (answer("<svg xmlns='http://www.w3.org/2000/svg'/>"), "not_an_image"),
        (answer("GIF89a" + "x" * 50), "not_an_image"),
        (answer("x"), "not_an_image"),
        (answer(status=403), "source_expired"),
        (answer(status=410), "source_expired"),
        (answer(status=408), "upstream_error"),
        (answer(status=418), "upstream_status"),
        (answer(status=302), "upstream_status"),
    ],
)
def test_a_bad_answer_is_told_apart_in_the_log(script, reason):
    with Web(script) as web:
        assert outcome(web) == reason


def test_two_locations_lead_nowhere():
    script = {"raw": b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\n\r\n"}
    with Web(script) as web:
        assert outcome(web) == "upstream_status"
        assert len(web.asked) == 1


def test_a_header_smuggled_by_a_location_stays_there():
    script = {"raw": b"HTTP/1.1 302 Found\r\nLocation: https://b.test/\r\nSet-Cookie: a=b\r\n\r\n"}
    with Web(script, GOOD) as web:
        assert outcome(web) == PNG
        assert "cookie" not in web.asked[-1].headers


def test_a_location_in_utf8_is_followed():
    script = {"status": 302, "headers": {"location": "https://bücher.test/ü"}, "body": ""}
    with Web(script, GOOD) as web:
        assert outcome(web) == PNG
        assert (web.asked[-1].server_name, web.asked[-1].target) == (
            "xn--bcher-kva.test",
            "/%C3%BC",
        )


def test_endless_framing_ends_with_the_size():
    pretext = b"1;" + b"e" * 60_000 + b"\r\n\x89\r\n"
    with Web(raw("transfer-encoding: chunked", body=pretext * 50)) as web:
        assert outcome(web, replace(Policy(), most_bytes=1000)) == "header_too_large"
        assert web.received < 100_000
