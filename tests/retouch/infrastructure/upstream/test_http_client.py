"""Tests of ProviderHttpClient: connection reuse, no redirects, no proxy settings, and the key only for its host."""

import gzip
import threading
import zlib

import pytest

from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.errors import UpstreamError
from retouch.core.provider_protocol import ProviderRequest
from retouch.core.settings import Settings
from retouch.planning.connection import resolve_connection
from retouch.planning.model_resolution import resolve_model
from retouch.providers import PROVIDERS
from tests.support.provider_requests import send_to
from tests.support.services import FakeClock, build_http_client
from tests.support.upstream import ScriptedResponse, Upstream


class ClientRecordingUpstream(Upstream):
    """A provider server that records the addresses of its clients."""

    def __init__(self, *responses):
        super().__init__(*responses)
        self.client_addresses = set()

    def serve(self, handler):
        self.client_addresses.add(handler.client_address)
        super().serve(handler)


def test_connection_is_reused_between_calls():
    with ClientRecordingUpstream(ScriptedResponse(body=b"x" * 200_000)) as upstream:
        send = send_to(upstream.url)
        for _ in range(3):
            assert len(send(ProviderRequest("POST", "/x", json={})).body) == 200_000
    assert len(upstream.client_addresses) == 1


def test_connection_is_reused_after_chunked_response():
    with ClientRecordingUpstream(ScriptedResponse(chunks=[b"a", b"b"])) as upstream:
        send = send_to(upstream.url)
        assert [send(ProviderRequest("POST", "/x", json={})).body for _ in range(2)] == [b"ab"] * 2
    assert len(upstream.client_addresses) == 1


def test_redirect_is_returned_and_not_followed():
    with Upstream(ScriptedResponse(302, b"", {"location": "/elsewhere"})) as upstream:
        assert send_to(upstream.url)(ProviderRequest("POST", "/x", json={})).status == 302
        assert len(upstream.received) == 1


def test_proxy_environment_variables_are_ignored(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Upstream(ScriptedResponse()) as upstream:
        assert send_to(upstream.url)(ProviderRequest("POST", "/x", json={})).status == 200


def test_request_carries_only_expected_headers():
    with Upstream(ScriptedResponse()) as upstream:
        send_to(upstream.url)(ProviderRequest("POST", "/x", json={"a": 1}))
        (request,) = upstream.calls
    assert set(request.headers) == {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "content-type",
        "content-length",
        "authorization",
    }
    assert request.headers["accept-encoding"] == "identity"


def test_request_with_key_to_another_origin_raises_upstream_error():
    with Upstream(ScriptedResponse()) as upstream, Upstream(ScriptedResponse()) as other_host:
        send = send_to(upstream.url)
        with pytest.raises(UpstreamError, match="not its own"):
            send(ProviderRequest("GET", f"{other_host.url}/x"))
        assert other_host.received == []


@pytest.mark.parametrize(
    "response",
    [
        ScriptedResponse(body=b"x" * 300_000),
        ScriptedResponse(200, gzip.compress(bytes(300_000)), {"content-encoding": "gzip"}),
        ScriptedResponse(200, zlib.compress(bytes(9_000_000)), {"content-encoding": "deflate"}),
        ScriptedResponse(200, gzip.compress(b"") * 6000, {"content-encoding": "gzip"}),
    ],
    ids=["plain", "gzip", "deflate", "empty members"],
)
def test_response_over_size_limit_raises_upstream_error(response):
    with Upstream(response) as upstream:
        clock = FakeClock()
        settings = Settings(
            max_provider_response_bytes=100_000,
            environment={"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url},
        )
        resolved_model = resolve_model(
            "gpt-image-2", ClientCredentials(), PROVIDERS, settings, clock.today()
        )
        resolved_model = resolve_connection(resolved_model, ClientCredentials(), settings)
        with pytest.raises(UpstreamError, match=r"too large|too many members"):
            build_http_client(settings, clock)(
                ProviderRequest("POST", "/x", json={}), resolved_model, clock.now() + 10
            )


def test_streamed_response_is_yielded_before_it_ends():
    first_was_read = threading.Event()

    def pieces():
        yield b"a"
        assert first_was_read.wait(5), "the second chunk waits until the first was read"
        yield b"b"

    upstream_response = ScriptedResponse(
        headers={"content-type": "text/event-stream"}, chunks=pieces()
    )
    with Upstream(upstream_response) as upstream:
        response = send_to(upstream.url)(ProviderRequest("POST", "/x", json={}, stream=True))
        assert next(response.chunks) == b"a"
        first_was_read.set()
        assert b"".join(response.chunks) == b"b"
