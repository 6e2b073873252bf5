"""Tests of which URL may receive the key, judged with the URL parser that opens the sockets."""

import pytest
from urllib3.util import parse_url

from retouch.core.provider_protocol import ProviderRequest
from retouch.core.resolved_model import ResolvedModel
from retouch.infrastructure.upstream.key_scope import can_receive_key, request_url
from retouch.providers import PROVIDERS
from retouch.providers.black_forest_labs import FLUX_PRO_FILL

BFL = next(p for p in PROVIDERS if "api.*.bfl.ai" in p.key_hosts)


def resolved_model(base="https://api.bfl.ai/v1"):
    return ResolvedModel(BFL, FLUX_PRO_FILL, FLUX_PRO_FILL, options={"base_url": base}, key="k")


@pytest.mark.parametrize(
    ("base", "path", "may_receive_key"),
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
def test_key_is_sent_only_to_configured_or_provider_origin(base, path, may_receive_key):
    assert can_receive_key(path, resolved_model(base)) is may_receive_key


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
def test_ambiguous_url_may_not_receive_key(base, url):
    assert not can_receive_key(url, resolved_model(base))


@pytest.mark.parametrize("path", ["/x", "//evil.com/x", "/\\@evil.com/x", "/@evil.com", "/?@evil"])
@pytest.mark.parametrize("base", ["https://api.bfl.ai", "https://api.bfl.ai/v1/"])
def test_path_below_base_url_stays_on_host(base, path):
    assert can_receive_key(path, resolved_model(base))
    assert (
        parse_url(request_url(ProviderRequest("GET", path), resolved_model(base))).host
        == "api.bfl.ai"
    )


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/get", "https://api.bfl.ai/v1/get"),
        ("https://API.eu.bfl.ai./get?id=1#x", "https://api.eu.bfl.ai/get?id=1"),
        ("https://api.bfl.ai?id=1", "https://api.bfl.ai/?id=1"),
        ("https://cdn.example/a%2Fb?sig=%3D", "https://cdn.example/a%2Fb?sig=%3D"),
    ],
)
def test_request_url_is_normalized(path, url):
    assert request_url(ProviderRequest("GET", path), resolved_model()) == url


def test_query_is_appended_to_request_url():
    request = ProviderRequest("GET", "/models", {"api-version": "1 a"})
    assert request_url(request, resolved_model()) == "https://api.bfl.ai/v1/models?api-version=1+a"
