"""Tests of responses that the hostile cases do not cover: exact size limits, truncated bodies, broken framing."""

import gzip
import zlib
from dataclasses import replace

import pytest

from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.policy import FetchPolicy
from tests.support.fake_internet import GOOD_RESPONSE, FakeInternet
from tests.support.fetching import (
    CLOCK,
    PNG,
    URL,
    encode_chunked,
    fetch_outcome,
    make_fetcher,
    raw_response,
    scripted_response,
)


@pytest.mark.parametrize("framing", ["length", "chunks", "end of the connection"])
def test_body_one_byte_over_limit_is_rejected(framing):
    script = {
        "length": scripted_response(),
        "chunks": raw_response("transfer-encoding: chunked", body=encode_chunked(PNG)),
        "end of the connection": raw_response(body=PNG),
    }[framing]
    with FakeInternet(script) as web:
        assert fetch_outcome(web, max_bytes=len(PNG)) == PNG
        assert fetch_outcome(web, max_bytes=len(PNG) - 1) == "too_large"


def test_close_without_tls_close_notify_is_truncated():
    script = {**raw_response(body=PNG), "rude": True}
    with FakeInternet(script) as web:
        assert fetch_outcome(web) == "truncated"


def test_max_bytes_argument_can_lower_but_not_raise_policy_limit():
    with FakeInternet(GOOD_RESPONSE) as web:
        assert fetch_outcome(web, max_bytes=len(PNG) - 40) == "too_large"
        assert fetch_outcome(web, max_bytes=0) == "too_large"
        assert (
            fetch_outcome(web, replace(FetchPolicy(), max_bytes=20), max_bytes=10_000)
            == "too_large"
        )


def test_too_large_error_names_the_limit():
    with (
        FakeInternet(scripted_response("bytes:2000")) as web,
        pytest.raises(FetchError, match=r"1500 bytes"),
    ):
        make_fetcher(web).read(URL, CLOCK.now() + 10, max_bytes=1500)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (raw_response("content-length: 5000", body=PNG), "truncated"),
        (raw_response("content-length: 5000", body=PNG[:4]), "truncated"),
        (raw_response("transfer-encoding: chunked", body=encode_chunked(PNG)[:-9]), "truncated"),
        (raw_response("transfer-encoding: chunked", body=encode_chunked(PNG)[:-5]), "truncated"),
        (
            raw_response("transfer-encoding: gzip, chunked", body=encode_chunked(PNG)),
            "content_encoding",
        ),
        (raw_response("content-encoding: zip", body=PNG), "content_encoding"),
        (raw_response("content-length: 5", "content-length: 6", body=PNG), "bad_answer"),
        (raw_response("content-length: +70", body=PNG), "bad_answer"),
        (raw_response("content-length: -1", body=PNG), "bad_answer"),
        (raw_response("no header at all", body=PNG), "bad_answer"),
        (raw_response("x: " + "a" * 70_000, body=PNG), "header_too_large"),
        (raw_response(*[f"x-{n}: a" for n in range(101)], body=PNG), "header_too_large"),
        (raw_response(*["x: " + "a" * 1000] * 90, body=PNG), "header_too_large"),
        ({"raw": b"HTTP/1.1 100 Continue\r\n\r\n" * 5000}, "header_too_large"),
        ({"raw": b"SSH-2.0-OpenSSH_9.6\r\n"}, "bad_answer"),
        ({"raw": b""}, "truncated"),
        (scripted_response("bytes:100"), "not_an_image"),
        (scripted_response("<svg xmlns='http://www.w3.org/2000/svg'/>"), "not_an_image"),
        (scripted_response("GIF88a" + "x" * 50), "not_an_image"),
        (scripted_response("x"), "not_an_image"),
        (scripted_response(status=403), "source_expired"),
        (scripted_response(status=404), "source_expired"),
        (scripted_response(status=410), "source_expired"),
        (scripted_response(status=408), "upstream_error"),
        (scripted_response(status=418), "upstream_status"),
        (scripted_response(status=302), "upstream_status"),
    ],
)
def test_bad_response_has_its_own_reason(script, reason):
    with FakeInternet(script) as web:
        assert fetch_outcome(web) == reason


def test_redirect_with_two_locations_is_not_followed():
    script = {"raw": b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\n\r\n"}
    with FakeInternet(script) as web:
        assert fetch_outcome(web) == "upstream_status"
        assert len(web.requests) == 1


def test_header_injected_through_location_is_not_sent():
    script = {"raw": b"HTTP/1.1 302 Found\r\nLocation: https://b.test/\r\nSet-Cookie: a=b\r\n\r\n"}
    with FakeInternet(script, GOOD_RESPONSE) as web:
        assert fetch_outcome(web) == PNG
        assert "cookie" not in web.requests[-1].headers


def test_redirect_to_utf8_location_is_followed():
    script = {"status": 302, "headers": {"location": "https://bücher.test/ü"}, "body": ""}
    with FakeInternet(script, GOOD_RESPONSE) as web:
        assert fetch_outcome(web) == PNG
        assert (web.requests[-1].server_name, web.requests[-1].target) == (
            "xn--bcher-kva.test",
            "/%C3%BC",
        )


def test_oversized_chunk_headers_are_rejected():
    oversized_chunk = b"1;" + b"e" * 60_000 + b"\r\n\x89\r\n"
    with FakeInternet(raw_response("transfer-encoding: chunked", body=oversized_chunk * 50)) as web:
        assert fetch_outcome(web, replace(FetchPolicy(), max_bytes=1000)) == "header_too_large"
        assert web.received_bytes < 100_000


DECOMPRESSING = replace(FetchPolicy(), codings=("gzip", "deflate"))


def describe(value):
    """Return the name of a parameter: the length of bytes, or the text."""
    return f"{len(value)} bytes" if isinstance(value, bytes) else value


def compressed_response(coding, body):
    return raw_response(f"content-encoding: {coding}", f"content-length: {len(body)}", body=body)


@pytest.mark.parametrize("label", ["", "identity", "aws-chunked", "undefined", "utf-8"])
def test_label_that_names_no_compression_is_ignored(label):
    with FakeInternet(compressed_response(label, PNG)) as web:
        assert fetch_outcome(web) == PNG


@pytest.mark.parametrize(
    "label", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "aws-chunked, br"]
)
def test_label_that_the_bytes_of_an_image_contradict_is_ignored(label):
    with FakeInternet(compressed_response(label, PNG)) as web:
        assert fetch_outcome(web) == PNG
        assert fetch_outcome(web, DECOMPRESSING) == PNG


@pytest.mark.parametrize("status", [401, 403])
def test_plain_link_that_gets_401_or_403_is_forbidden(status):
    with FakeInternet(scripted_response(status=status)) as web, pytest.raises(FetchError) as error:
        make_fetcher(web).read("https://a.test/x.png?size=1", CLOCK.now() + 10)
    assert error.value.code == "fetch_forbidden"


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Signature=a&X-Amz-Expires=9",
        "x-goog-signature=a",
        "Expires=1&Signature=a",
        "sig=a&se=1",
    ],
)
def test_signed_link_that_gets_403_has_expired(query):
    with FakeInternet(scripted_response(status=403)) as web, pytest.raises(FetchError) as exc_info:
        make_fetcher(web).read(f"https://a.test/x.png?{query}", CLOCK.now() + 10)
    assert exc_info.value.code == "fetch_expired"


def test_request_names_the_operator_in_the_user_agent():
    policy = FetchPolicy.from_text("", "retouch (+https://shop.example)")
    with FakeInternet(GOOD_RESPONSE) as web:
        assert fetch_outcome(web, policy) == PNG
        assert "retouch (+https://shop.example)" in str(web.requests)


@pytest.mark.parametrize(
    "location",
    [
        "/a b.png",
        " /x.png ",
        "/caf\u00e9.png",
        "/\u3000.png",
        "x.png#a b",
        "/a/../x.png",
        "https://b.test/a b",
    ],
)
def test_redirect_is_followed_as_browsers_follow_it(location):
    redirect = {"status": 302, "headers": {"location": location}, "body": ""}
    with FakeInternet(redirect, GOOD_RESPONSE) as web:
        assert fetch_outcome(web) == PNG


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(PNG)),
        ("GZIP", gzip.compress(PNG)),
        ("aws-chunked, deflate", zlib.compress(PNG)),
        ("gzip, gzip", gzip.compress(gzip.compress(PNG))),
        ("deflate, gzip", gzip.compress(zlib.compress(PNG))),
    ],
    ids=describe,
)
def test_compressed_image_is_decompressed_where_the_policy_allows_it(coding, body):
    with FakeInternet(compressed_response(coding, body)) as web:
        assert fetch_outcome(web, DECOMPRESSING) == PNG
        assert fetch_outcome(web) == "content_encoding"


@pytest.mark.parametrize(
    ("coding", "body", "reason"),
    [
        ("br", PNG[1:], "content_encoding"),
        ("gzip, br", gzip.compress(PNG), "content_encoding"),
        ("gzip", gzip.compress(PNG)[:-5], "truncated"),
        ("gzip", gzip.compress(PNG + bytes(50_000_000)), "too_large"),
        ("gzip", gzip.compress(bytes(50_000_000)), "not_an_image"),
        ("gzip", gzip.compress(b"<html>"), "not_an_image"),
    ],
    ids=describe,
)
def test_compressed_body_that_is_no_whole_image_has_its_own_reason(coding, body, reason):
    with FakeInternet(compressed_response(coding, body)) as web:
        assert fetch_outcome(web, DECOMPRESSING) == reason


def test_refused_compression_is_named():
    with (
        FakeInternet(compressed_response("br", PNG[1:])) as web,
        pytest.raises(FetchError, match="with br"),
    ):
        make_fetcher(web).read(URL, CLOCK.now() + 10)


def test_interim_responses_are_skipped():
    head = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    with FakeInternet({"raw": head + raw_response(body=PNG)["raw"]}) as web:
        assert fetch_outcome(web) == PNG


@pytest.mark.parametrize("status", [201, 203])
def test_other_success_with_an_image_is_fetched(status):
    with FakeInternet(scripted_response(status=status)) as web:
        assert fetch_outcome(web) == PNG
