import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.hostnames import canonical_name, is_local_name, matches_any

TOO_LONG_NAME = ".".join(["a" * 63] * 3 + ["b" * 57, "com"])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CDN.Example.com", "cdn.example.com"),
        ("cdn.example.com.", "cdn.example.com"),
        ("my_bucket.s3.amazonaws.com", "my_bucket.s3.amazonaws.com"),
        ("r3---sn-ab5l.example.com", "r3---sn-ab5l.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER。example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("1.example.com", "1.example.com"),
        ("a" * 63 + ".com", "a" * 63 + ".com"),
        (TOO_LONG_NAME[:253], TOO_LONG_NAME[:253]),
    ],
)
def test_host_name_has_one_canonical_spelling(text, name):
    assert canonical_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a..b",
        ".a.com",
        "a.com..",
        "-a.com",
        "a-.com",
        "a b.com",
        "a%2eb.com",
        "a/b.com",
        "a@b.com",
        "a:b.com",
        "[a.com]",
        "a" * 64 + ".com",
        "a." * 125 + "long",
        "xn--.com",
        "xn--bcher-.com",
        "xn--ü.com",
        "xn--a.com",
        "😀.com",
        "a\u2100b.com",
        "a\uff0fb.com",
        "1.2.3",
        "a.1",
        "a.0x7f",
        "a.0x",
        "2130706433",
        "１２７.0.0.1",
        "127。0。0。1",
        "①②⑦.0.0.1",
        "\u0661\u0662.0.0.1",
    ],
)
def test_invalid_host_name_is_rejected(text):
    with pytest.raises(FetchError) as exc_info:
        canonical_name(text)
    assert (exc_info.value.code, exc_info.value.reason) == ("ssrf_blocked", "host_not_allowed")


@given(st.text(min_size=1, max_size=40))
def test_any_text_is_rejected_or_canonicalized_idempotently(text):
    try:
        name = canonical_name(text)
    except FetchError:
        return
    assert re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", name)
    assert canonical_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "a.localhost",
        "metadata",
        "metadata.google.internal",
        "kubernetes.default.svc",
        "printer.local",
        "sandbox.localdomain",
        "router.home.arpa",
        "x.onion",
        "a.b.lan",
    ],
)
def test_local_name_is_special(name):
    assert is_local_name(name)


@pytest.mark.parametrize(
    "name", ["cdn.example.com", "home.example.com", "local.test", "mylocalhost.com", "x.arpa"]
)
def test_public_name_is_not_special(name):
    assert not is_local_name(name)


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("cdn.example.com", True),
        ("a.provider.test", True),
        ("a.b.provider.test", True),
        ("provider.test", False),
        ("evilprovider.test", False),
        ("provider.test.evil.test", False),
        ("xcdn.example.com", False),
        ("a.cdn.example.com", False),
    ],
)
def test_wildcard_pattern_matches_only_subdomains(name, listed):
    assert matches_any(name, ("cdn.example.com", "*.provider.test")) is listed
