"""Whose host a call goes to, judged against the very parser that the sockets are opened by."""

import pytest
from urllib3.util import parse_url

from retouch.edges.upstream.origin import address, is_own
from retouch.messages import Call
from retouch.plan.resolve import Target
from retouch.providers import PROVIDERS
from retouch.providers.black_forest_labs import FILL

BFL = next(p for p in PROVIDERS if "api.*.bfl.ai" in p.own_hosts)


def target(base="https://api.bfl.ai/v1"):
    return Target(BFL, FILL, FILL, options={"base_url": base}, key="k")


@pytest.mark.parametrize(
    ("base", "path", "own"),
    [
        ("https://a.example/v1", "/x", True),
        ("https://a.example", "https://a.example/y", True),
        ("https://a.example", "https://a.example:443", True),
        ("https://a.example", "HTTPS://A.example./y", True),
        ("https://a.example:8443/v1", "https://a.example:8443/y", True),
        ("http://localhost:8080", "http://localhost:8080/y", True),
        ("http://[::1]:8080", "http://[0::1]:8080/y", True),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://a.example:8443", False),
        ("https://a.example", "https://b.a.example", False),
        ("https://a.example", "https://a.example@b.example", False),
        ("", "https://a.example", False),
        ("https://a.example", "https://api.eu.bfl.ai/y", True),
        ("https://a.example", "https://api.bfl.ai:8443/y", False),
    ],
)
def test_whose(base, path, own):
    assert is_own(path, target(base)) is own


HOSTILE = [
    "https://evil.com\\@api.bfl.ai/",
    "https://evil.com\\@u@api.bfl.ai/",
    "https://evil.com\\.bfl.ai/",
    "https://evil.com\\@api.eu.bfl.ai/",
    "https://api.x\\y.bfl.ai/",
    "https://api.evil.com\\.bfl.ai/",
    "https://api.bfl.ai\\@evil.com/",
    "https://api.bfl.ai@evil.com/",
    "https://evil.com@api.bfl.ai/",
    "https://user:pass@api.bfl.ai/",
    "https://api.bfl.ai:443\\@evil.com/",
    "https://api.bfl.ai:443@evil.com/",
    "https://api.a%2eevil.bfl.ai/",
    "https://api%2ebfl.ai/",
    "https://api.\teu.bfl.ai/",
    "https://api.\neu.bfl.ai/",
    "https://ev\til.com\\@api.bfl.ai/",
    "https://api.bfl.ai\r\nHost: evil.com/",
    "https://api.bfl.ai .evil.com/",
    "https://api.eu.bfl.ai.evil.com/",
    "https://api.eu.x.bfl.ai/",
    "https://api..bfl.ai/",
    "https://api.bfl.ai\uff0fevil.com/",
    "https://api.bfl.ai\u3002evil.com/",
    "https://api.bfl.ai:99999/",
    "https://api.bfl.ai:abc/",
    "https://api.bfl.ai:/",
    "https://[api.bfl.ai/",
    "https://[::1/",
    "https://\u2100.com/",
    "https:/evil.com/",
    "https:evil.com",
    "https:\\\\evil.com",
    "\thttps://api.bfl.ai/",
    "@evil.com/x",
    ".evil.com/x",
    ":8443/x",
    "evil.com",
    "",
]


@pytest.mark.parametrize("url", HOSTILE, ids=ascii)
@pytest.mark.parametrize("base", ["https://api.bfl.ai", "https://api.bfl.ai/v1"])
def test_what_two_parsers_may_read_differently_is_nobodys(base, url):
    assert not is_own(url, target(base))


@pytest.mark.parametrize("path", ["/x", "//evil.com/x", "/\\@evil.com/x", "/@evil.com", "/?@evil"])
@pytest.mark.parametrize("base", ["https://api.bfl.ai", "https://api.bfl.ai/v1/"])
def test_below_the_address_nothing_leads_away(base, path):
    assert is_own(path, target(base))
    assert parse_url(address(Call("GET", path), target(base))).host == "api.bfl.ai"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/get", "https://api.bfl.ai/v1/get"),
        ("https://API.eu.bfl.ai./get?id=1#x", "https://api.eu.bfl.ai/get?id=1"),
        ("https://api.bfl.ai?id=1", "https://api.bfl.ai/?id=1"),
        ("https://cdn.example/a%2Fb?sig=%3D", "https://cdn.example/a%2Fb?sig=%3D"),
    ],
)
def test_the_address(path, url):
    assert address(Call("GET", path), target()) == url


def test_the_query_goes_behind():
    call = Call("GET", "/models", {"api-version": "1 a"})
    assert address(call, target()) == "https://api.bfl.ai/v1/models?api-version=1+a"
