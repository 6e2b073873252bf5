import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.url import parse_url, resolve_redirect

BASE = parse_url("https://a.test/dir/x.png?sig=1")


def rejection_reason(function, *args):
    with pytest.raises(FetchError) as exc_info:
        function(*args)
    return exc_info.value.reason


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("https://a.test", "https://a.test/"),
        ("HTTPS://A.test:443/x", "https://a.test/x"),
        ("http://a.test:80/x", "http://a.test/x"),
        ("http://a.test:443/x", "http://a.test:443/x"),
        ("https://a.test:8443?x", "https://a.test:8443/?x"),
        ("https://a.test/x.png#part", "https://a.test/x.png"),
        ("https://a.test/x?u=http://b.test/@c#@d", "https://a.test/x?u=http://b.test/@c"),
        ("https://a.test//x/../y/./", "https://a.test//x/../y/./"),
        ("https://a.test/%zz%2F{}|^`'", "https://a.test/%zz%2F{}|^`'"),
        ("https://a.test/ü?ü", "https://a.test/%C3%BC?%C3%BC"),
        ("https://[2606:4700:0::1111]/x", "https://[2606:4700::1111]/x"),
        ("https://[2606:4700::1]:8443/x", "https://[2606:4700::1]:8443/x"),
        ("https://8.8.8.8/x", "https://8.8.8.8/x"),
    ],
)
def test_url_has_one_canonical_spelling(text, canonical):
    assert str(parse_url(text)) == canonical


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "invalid_url"),
        ("x", "invalid_url"),
        ("//a.test/x", "invalid_url"),
        ("/x", "invalid_url"),
        ("https:a.test", "invalid_url"),
        ("https:/a.test", "invalid_url"),
        ("https://a.test/ x", "invalid_url"),
        ("https://a.test/\\x", "invalid_url"),
        ("https://a.test/x\r\nHost: b", "invalid_url"),
        ("https://a.test/\x00", "invalid_url"),
        ("https://a.test/\x7f", "invalid_url"),
        ("https://a.test/\u200b", "invalid_url"),
        ("https://a.test/\ud800", "invalid_url"),
        (" https://a.test/", "invalid_url"),
        ("https://a.test/" + "a" * 4082, "url_too_long"),
        ("ftp://a.test/", "scheme_not_allowed"),
        ("data:image/png;base64,AA==", "scheme_not_allowed"),
        ("javascript:alert(1)", "scheme_not_allowed"),
        ("https://u@a.test/", "userinfo_not_allowed"),
        ("https://u:p@a.test/", "userinfo_not_allowed"),
        ("https://@a.test/", "userinfo_not_allowed"),
        ("https://a.test:/", "host_not_allowed"),
        ("https://a.test:0/", "host_not_allowed"),
        ("https://a.test:0443/", "host_not_allowed"),
        ("https://a.test:443:443/", "host_not_allowed"),
        ("https://a.test:65536/", "port_not_allowed"),
        ("https://127.0.0.1./", "host_not_allowed"),
        ("https://[8.8.8.8]/", "host_not_allowed"),
        ("https://[::1%25lo]/", "host_not_allowed"),
        ("https://[::1]x/", "host_not_allowed"),
        ("https:///x", "host_not_allowed"),
    ],
)
def test_invalid_url_is_rejected_with_reason(text, reason):
    assert rejection_reason(parse_url, text) == reason


def test_url_of_maximum_length_is_accepted():
    assert parse_url("https://a.test/" + "a" * 4081).target.endswith("a" * 4081)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://b.test/y", "https://b.test/y"),
        ("https://b.test/y#z", "https://b.test/y"),
        ("//b.test/y", "https://b.test/y"),
        ("/y?z", "https://a.test/y?z"),
        ("y.png", "https://a.test/dir/y.png"),
        ("../y.png", "https://a.test/y.png"),
        ("?sig=2", "https://a.test/dir/x.png?sig=2"),
        ("y?u=https://b.test/", "https://a.test/dir/y?u=https://b.test/"),
        ("..//b.test/y", "https://a.test/b.test/y"),
        (" /y ", "https://a.test/y"),
        ("/a b.png?c d#e f", "https://a.test/a%20b.png?c%20d"),
        ("/caf\u00e9.png", "https://a.test/caf%C3%A9.png"),
        ("/\u00a0\u3000", "https://a.test/%C2%A0%E3%80%80"),
        ('/"<y>"', "https://a.test/%22%3Cy%3E%22"),
        ("/b/../y", "https://a.test/y"),
        ("/b/./y/..", "https://a.test/b/"),
        ("/b/.well-known", "https://a.test/b/.well-known"),
        ("/b//y?u=/../x", "https://a.test/b//y?u=/../x"),
    ],
)
def test_redirect_location_is_resolved_against_base(location, target):
    assert str(resolve_redirect(BASE, location)) == target


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://b.test/", "redirect_blocked"),
        ("\\\\b.test/x", "invalid_url"),
        ("/\\b.test/x", "invalid_url"),
        ("https://b.test/\r\n X: y", "invalid_url"),
        ("/" + "a" * 4096, "url_too_long"),
        ("//u@b.test/", "userinfo_not_allowed"),
        ("///b.test/", "host_not_allowed"),
        ("https://b te st/", "host_not_allowed"),
        ("https://b.test\u3000/", "host_not_allowed"),
        ("/a\x00b", "invalid_url"),
        ("gopher://b.test/", "scheme_not_allowed"),
        ("b:c", "scheme_not_allowed"),
    ],
)
def test_invalid_redirect_location_is_rejected(location, reason):
    assert rejection_reason(resolve_redirect, BASE, location) == reason


def test_redirect_from_http_to_https_is_allowed():
    assert (
        str(resolve_redirect(parse_url("http://a.test/x"), "https://a.test/x"))
        == "https://a.test/x"
    )


def test_double_slash_in_path_does_not_change_host():
    base = parse_url("https://a.test//b.test/x")
    assert {resolve_redirect(base, to).host for to in ("y", "/y", "?y", "../y", "../../y")} == {
        "a.test"
    }


@given(
    st.text(alphabet="htps:/@[].%\\#?&a1-０。\t ", max_size=24).map("https://".__add__) | st.text()
)
def test_any_text_is_rejected_or_parsed_idempotently(text):
    try:
        url = parse_url(text)
    except FetchError:
        return
    assert parse_url(str(url)) == url
    assert str(url).isascii()
    assert url.target.startswith("/")


@given(st.text(alphabet="htps:/@[].%\\#?&a1b-", max_size=24))
def test_redirect_without_authority_keeps_host(location):
    try:
        target = resolve_redirect(BASE, location)
    except FetchError:
        return
    assert target.host == BASE.host or "//" in location[:8]
