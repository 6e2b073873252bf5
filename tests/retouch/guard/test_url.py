import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.guard.refusals import FetchError
from retouch.guard.url import follow, parse

BASE = parse("https://a.test/dir/x.png?sig=1")


def refusal(function, *args):
    with pytest.raises(FetchError) as refused:
        function(*args)
    return refused.value.reason


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
def test_a_url_has_one_spelling(text, canonical):
    assert str(parse(text)) == canonical


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
def test_what_is_no_url_of_ours_is_refused(text, reason):
    assert refusal(parse, text) == reason


def test_the_longest_url_passes():
    assert parse("https://a.test/" + "a" * 4081).target.endswith("a" * 4081)


@pytest.mark.parametrize(
    ("location", "there"),
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
    ],
)
def test_a_redirect_is_read_against_its_base(location, there):
    assert str(follow(BASE, location)) == there


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
        ("gopher://b.test/", "scheme_not_allowed"),
        ("b:c", "scheme_not_allowed"),
    ],
)
def test_a_redirect_to_nowhere_is_refused(location, reason):
    assert refusal(follow, BASE, location) == reason


def test_a_redirect_may_raise_the_protection():
    assert str(follow(parse("http://a.test/x"), "https://a.test/x")) == "https://a.test/x"


def test_a_double_slash_in_a_path_is_no_host():
    base = parse("https://a.test//b.test/x")
    assert {follow(base, to).host for to in ("y", "/y", "?y", "../y", "../../y")} == {"a.test"}


@given(
    st.text(alphabet="htps:/@[].%\\#?&a1-０。\t ", max_size=24).map("https://".__add__) | st.text()
)
def test_any_text_is_a_url_in_one_spelling_or_refused(text):
    try:
        url = parse(text)
    except FetchError:
        return
    assert parse(str(url)) == url
    assert str(url).isascii()
    assert url.target.startswith("/")


@given(st.text(alphabet="htps:/@[].%\\#?&a1b-", max_size=24))
def test_a_redirect_without_an_authority_stays_with_the_host(location):
    try:
        there = follow(BASE, location)
    except FetchError:
        return
    assert there.host == BASE.host or "//" in location[:8]
