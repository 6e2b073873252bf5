"""Result URLs that try to send the key to another host, or that are no URLs. The paid call has already succeeded."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from retouch.providers import PROVIDERS
from tests.contract.registry import is_live, make_standin
from tests.contract.runner import send_request, services_for
from tests.contract.sample_requests import sample_requests
from tests.support.upstream import ScriptedResponse, json_response

# {own} is the host and port of the provider. {evil} is the host and port of another server that listens.
MALFORMED_URLS = [
    "http://{evil}\\@{own}/x",
    "http://{evil}\\@u@{own}/x",
    "http://{evil}\\\\@{own}/x",
    "http://{evil}\t@{own}/x",
    "http://{evil}\\.{own}/x",
    "http://{evil} @{own}/x",
    "http://{own}\\@{evil}/x",
    "http://{own}@{evil}/x",
    "http://{evil}@{own}/x",
    "http://u:p@{own}/x",
    "http://{own}:/x",
    "http://{own}\r\nHost: {evil}/x",
    "http://{evil}%2f@{own}/x",
    "http:/{evil}/x",
    "http:{evil}/x",
    "http:\\\\{evil}/x",
    "\thttp://{evil}/x",
    "@{evil}/x",
    "https://host:99999/x.png",
    "https://host:abc/x.png",
    "https://[::1/x.png",
    "https://\u2100.com/x.png",
    "file:///etc/passwd",
    "x.png",
    "",
]
OTHER_HOST_URLS = ["http://{evil}/x", "http://{evil}#@{own}/x", "http://{evil}?@{own}/x"]
NOT_STRINGS = [5, 1.5, True, None, [], [5], {}, {"url": 5}]

UNKNOWN_SHAPE_CODES = ("provider_error", "no_image_returned")


def provider_named(slug):
    return next(provider for provider in PROVIDERS if provider.name == slug)


def image_responses(url, _):
    return [json_response({"created": 1, "data": [{"url": url}]})]


def missing_image_responses(url, server):
    return [*image_responses(url, server), ScriptedResponse(404)]


def poll_url_responses(url, _):
    return [json_response({"id": "t", "polling_url": url})]


def sample_url_responses(url, server):
    state = {"status": "Ready", "result": {"sample": url}}
    return [
        json_response({"id": "t", "polling_url": f"{server.url}/v1/get_result"}),
        json_response(state),
    ]


def status_url_responses(url, server):
    return [
        json_response({"request_id": "r", "status_url": url, "response_url": f"{server.url}/r"})
    ]


def response_url_responses(url, server):
    accepted = {"request_id": "r", "status_url": f"{server.url}/s", "response_url": url}
    return [json_response(accepted), json_response({"status": "COMPLETED"})]


def output_url_responses(url, server):
    accepted = {
        "request_id": "r",
        "status_url": f"{server.url}/s",
        "response_url": f"{server.url}/r",
    }
    return [json_response(accepted), json_response({"status": "COMPLETED", "output": url})]


RESPONSE_BUILDERS = [
    ("openai", image_responses),
    ("black-forest-labs", poll_url_responses),
    ("black-forest-labs", sample_url_responses),
    ("segmind", status_url_responses),
    ("segmind", response_url_responses),
    ("segmind", output_url_responses),
]
RESPONSE_IDS = [build_responses.__name__ for _, build_responses in RESPONSE_BUILDERS]


def send_with_result_url(slug, build_responses, url):
    """Send a request whose provider response contains the URL.

    Return the outcome, the stand-in and the requests that the result host received.
    """
    provider = provider_named(slug)
    model = next(m for m in provider.models if is_live(provider, m))
    request = replace(next(iter(sample_requests(provider, model).values())), n=1)
    with make_standin(provider) as server:
        if isinstance(url, str):
            own_host, evil_host = (
                urlsplit(upstream.url).netloc for upstream in (server, server.result_host)
            )
            url = url.format(own=own_host, evil=evil_host)
        server.failure_responses = build_responses(url, server)
        return (
            send_request(request, services=services_for(server)),
            server,
            server.result_host.received,
        )


def assert_billing_unknown_and_key_safe(outcome, server, result_host_requests):
    """Assert that billing is reported as unknown, and that only the provider host received the key."""
    assert outcome.headers["x-retouch-billed"] == "unknown"
    assert outcome.headers["x-should-retry"] == "false"
    assert outcome.error["code"] != "internal_error"
    assert server.key in str(server.received[0].headers)
    assert server.key not in str([(r.path, r.query, r.headers) for r in result_host_requests])
    assert len({r.path for r in server.received if r.method == "POST"}) == 1


@pytest.mark.parametrize(("slug", "build_responses"), RESPONSE_BUILDERS, ids=RESPONSE_IDS)
@pytest.mark.parametrize("url", MALFORMED_URLS, ids=ascii)
def test_malformed_result_url_is_never_requested(slug, build_responses, url):
    outcome, server, result_host_requests = send_with_result_url(slug, build_responses, url)
    assert_billing_unknown_and_key_safe(outcome, server, result_host_requests)
    assert outcome.status == 502
    assert outcome.error["code"] in ("result_not_fetched", *UNKNOWN_SHAPE_CODES)
    assert result_host_requests == []
    assert not [r for r in server.received if r.path.endswith("/x")]


@pytest.mark.parametrize("url", list(filter(None, MALFORMED_URLS)), ids=ascii)
def test_malformed_url_in_image_response_returns_result_not_fetched(url):
    outcome, server, _ = send_with_result_url("openai", image_responses, url)
    assert (outcome.status, outcome.error["code"]) == (502, "result_not_fetched")
    assert len(server.received) == 1


@pytest.mark.parametrize(("slug", "build_responses"), RESPONSE_BUILDERS, ids=RESPONSE_IDS)
@pytest.mark.parametrize("url", OTHER_HOST_URLS, ids=ascii)
def test_result_url_on_other_host_is_requested_without_key(slug, build_responses, url):
    outcome, server, result_host_requests = send_with_result_url(slug, build_responses, url)
    assert_billing_unknown_and_key_safe(outcome, server, result_host_requests)
    assert outcome.status == 502
    assert not {"authorization", "x-key", "x-api-key"} & {
        n for r in result_host_requests for n in r.headers
    }


@pytest.mark.parametrize(("slug", "build_responses"), RESPONSE_BUILDERS, ids=RESPONSE_IDS)
@pytest.mark.parametrize("url", NOT_STRINGS, ids=ascii)
def test_result_url_that_is_not_a_string_returns_unknown_shape_error(slug, build_responses, url):
    outcome, server, result_host_requests = send_with_result_url(slug, build_responses, url)
    assert_billing_unknown_and_key_safe(outcome, server, result_host_requests)
    assert (outcome.status, outcome.error["code"] in UNKNOWN_SHAPE_CODES) == (502, True)
    assert result_host_requests == []


@pytest.mark.parametrize("url", ["/x", "//{evil}/x", "/\\@{evil}/x"])
def test_relative_result_url_is_requested_on_provider_host(url):
    outcome, server, result_host_requests = send_with_result_url(
        "openai", missing_image_responses, url
    )
    assert_billing_unknown_and_key_safe(outcome, server, result_host_requests)
    assert result_host_requests == []
    order, *downloads = server.received
    assert (order.method, {download.method for download in downloads}) == ("POST", {"GET"})
