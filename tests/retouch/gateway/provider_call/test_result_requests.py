"""Tests that trouble on the way to a paid result loses no image: polls and downloads go on until the deadline."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import pytest

from devserver.ports import unused_port
from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.errors import DeadlineExceeded, Moderated, UpstreamError
from retouch.core.provider_protocol import ProviderRequest, ProviderResponse
from retouch.core.settings import Settings
from retouch.gateway.provider_call.result_requests import ResultRequests
from retouch.planning.model_resolution import resolve_model
from retouch.providers import PROVIDERS
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, photo
from tests.support.services import FakeClock, build_services
from tests.support.upstream import ScriptedResponse, Upstream, json_response

IMAGE = photo()
IMAGE_RESPONSE = ScriptedResponse(200, IMAGE, {"content-type": "image/png"})
HTML = {"content-type": "text/html"}
STATUSES = (
    *(302, 400, 401, 402, 403, 404, 408, 409, 410, 425, 429),
    *(500, 502, 503, 504, 520, 524, 529),
)
TROUBLES = {
    **{f"status {status}": ScriptedResponse(status, b"<Error/>", HTML) for status in STATUSES},
    "reset": ScriptedResponse(network_failure="reset"),
    "cut": ScriptedResponse(200, IMAGE, network_failure="cut"),
    "empty": ScriptedResponse(200, b""),
    "html": ScriptedResponse(200, b"<html>Please wait</html>", HTML),
    "half of a gzip body": ScriptedResponse(200, b"\x1f\x8b\x08\0", {"content-encoding": "gzip"}),
    "204": ScriptedResponse(204),
}
POLL_TROUBLES = {
    **TROUBLES,
    "null": json_response(None),
    "a list": json_response([]),
    "no status": json_response({"id": "t"}),
    "status of another type": json_response({"id": "t", "status": 5}),
    "half of a document": ScriptedResponse(200, b'{"id": "t", "status": "Rea'),
}


@dataclass
class TaskFlow:
    """The conversation of a provider: an order, and the requests for its result by the end of their paths.

    `responses` builds the good response of each step from the server's URL and the URL of the image.
    """

    model: str
    env: dict[str, str]
    responses: dict[str, Callable[[str, str], ScriptedResponse]]
    fields: dict[str, str] = field(default_factory=dict)


def flux_state(server_url, image_url):
    return json_response({"id": "t", "status": "Ready", "result": {"sample": image_url}})


FLOWS = {
    "black-forest-labs": TaskFlow(
        "black-forest-labs/flux-kontext-pro",
        {"BFL_API_KEY": "k", "BFL_BASE_URL": "{url}/v1"},
        {
            "order": lambda url, _: json_response(
                {"id": "t", "polling_url": f"{url}/v1/get_result"}
            ),
            "get_result": flux_state,
        },
    ),
    "fireworks-ai": TaskFlow(
        "fireworks-ai/flux-kontext-pro",
        {"FIREWORKS_API_KEY": "k", "FIREWORKS_BASE_URL": "{url}"},
        {"order": lambda *_: json_response({"request_id": "t"}), "get_result": flux_state},
    ),
    "segmind": TaskFlow(
        "segmind/qwen-image-edit",
        {"SEGMIND_API_KEY": "k", "SEGMIND_BASE_URL": "{url}"},
        {
            "order": lambda url, _: json_response(
                {"request_id": "t", "status_url": f"{url}/status", "response_url": f"{url}/result"}
            ),
            "status": lambda *_: json_response({"status": "COMPLETED"}),
            "result": lambda _, image_url: json_response(
                {"status": "COMPLETED", "output": [{"seed": 5, "image": image_url}]}
            ),
        },
    ),
    "stability-ai": TaskFlow(
        "stability-ai/replace-background-and-relight",
        {"STABILITY_API_KEY": "k", "STABILITY_BASE_URL": "{url}"},
        {
            "order": lambda *_: json_response({"id": "t"}, 202),
            "results/t": lambda *_: json_response(
                {"result": b64(IMAGE), "finish_reason": "SUCCESS"}
            ),
        },
        {"light_source_direction": "left"},
    ),
    "openai": TaskFlow(
        "openai/gpt-image-2",
        {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "{url}"},
        {"order": lambda _, image_url: json_response({"created": 1, "data": [{"url": image_url}]})},
    ),
}
JSON_STEPS = [
    (slug, step) for slug, flow in FLOWS.items() for step in flow.responses if step != "order"
]
DOWNLOADING = [slug for slug in FLOWS if slug != "stability-ai"]


class TaskProvider(Upstream):
    """A provider of one flow, which also hosts the image. `troubles` come before the good response of a step."""

    def __init__(self, flow, result_host=None):
        super().__init__(ScriptedResponse())
        self.flow, self.troubles, self.served = flow, {}, []
        self.image_url = f"{(result_host or self).url}/image.png"

    def step_of(self, received):
        steps = [*(step for step in self.flow.responses if step != "order"), "image.png"]
        return next((step for step in steps if received.path.endswith(step)), "order")

    def good_response(self, step):
        build = self.flow.responses.get(step)
        return build(self.url, self.image_url) if build else IMAGE_RESPONSE

    def serve(self, handler):
        step = self.step_of(self.record_request(handler))
        self.served.append(step)
        troubles = self.troubles.get(step, [])
        self.write_response(handler, troubles.pop(0) if troubles else self.good_response(step))

    download = serve


def run_edit(slug, step, troubles, clock=None, elsewhere=False):
    """Run an edit whose step fails as `troubles` say. Return the response, the server of the step and the clock."""
    flow, clock = FLOWS[slug], clock or FakeClock()
    with TaskProvider(flow) as cdn, TaskProvider(flow, cdn if elsewhere else None) as provider:
        host = cdn if elsewhere and step == "image.png" else provider
        host.troubles[step] = list(troubles)
        env = {name: value.format(url=provider.url) for name, value in flow.env.items()}
        services = build_services({**env, "RETOUCH_FETCH_ALLOW": cdn.url[7:]}, clock)
        fields = {"model": flow.model, "prompt": "p", "image": file_part(IMAGE), **flow.fields}
        response = post_edit(fields, services=services)
    assert provider.served.count("order") == 1, "the edit was paid twice"
    return response, host, clock


def assert_delivered(response):
    assert response.status == 200, response.json
    assert response.json["data"][0]["b64_json"] == b64(IMAGE)
    assert response.headers["x-retouch-billed"] == "yes"


def assert_lost_honestly(response):
    assert response.status >= 500
    assert response.headers["x-retouch-billed"] == "unknown"
    assert response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("trouble", POLL_TROUBLES)
@pytest.mark.parametrize(("slug", "step"), JSON_STEPS)
def test_poll_goes_on_through_trouble(slug, step, trouble):
    response, provider, _ = run_edit(slug, step, [POLL_TROUBLES[trouble]] * 3)
    assert_delivered(response)
    assert provider.served.count(step) == 4


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["own host", "another host"])
@pytest.mark.parametrize("slug", DOWNLOADING)
def test_result_download_goes_on_through_trouble(slug, elsewhere, trouble):
    response, host, _ = run_edit(slug, "image.png", [TROUBLES[trouble]] * 3, elsewhere=elsewhere)
    assert_delivered(response)
    assert host.served.count("image.png") == 4


@pytest.mark.parametrize(("slug", "step"), [*JSON_STEPS, ("openai", "image.png")])
@pytest.mark.parametrize("trouble", ["status 404", "status 503", "html", "reset"])
def test_trouble_until_the_deadline_is_reported_as_unknown_billing(slug, step, trouble):
    response, provider, clock = run_edit(slug, step, [TROUBLES[trouble]] * 1000)
    assert_lost_honestly(response)
    message = response.json["error"]["message"]
    assert "accepted the edit" in message
    assert ("status" in message) is trouble.startswith("status")
    assert provider.served.count(step) > 4
    assert 20 < clock.elapsed_seconds < 60


@pytest.mark.parametrize("status", [401, 402, 410])
def test_repeated_rejection_ends_the_polls_before_the_deadline(status):
    rejection = json_response({"detail": "no credits"}, status)
    response, provider, clock = run_edit("black-forest-labs", "get_result", [rejection] * 1000)
    assert_lost_honestly(response)
    assert provider.served.count("get_result") == 8
    assert clock.elapsed_seconds < 40


FINAL_WORDS = [
    ("black-forest-labs", "get_result", json_response({"status": "Error"}), 502),
    ("black-forest-labs", "get_result", json_response({"status": "Content Moderated"}), 400),
    ("fireworks-ai", "get_result", json_response({"status": "Request Moderated"}), 400),
    ("segmind", "status", json_response({"status": "FAILED", "error": "no GPU"}), 502),
    ("segmind", "status", json_response({"status": "FAILED", "error": "no GPU"}, 422), 502),
    ("segmind", "result", json_response({"status": "FAILED", "error": "no GPU"}), 502),
    ("segmind", "result", json_response({"status": "FAILED", "error": "no GPU"}, 422), 502),
    ("segmind", "status", json_response({"error": "flagged by moderation"}, 500), 400),
    ("stability-ai", "results/t", json_response({"finish_reason": "CONTENT_FILTERED"}), 400),
    ("stability-ai", "results/t", json_response({"name": "content_moderation"}, 403), 400),
]


@pytest.mark.parametrize(("slug", "step", "words", "status"), FINAL_WORDS)
def test_final_word_of_the_provider_ends_the_polls(slug, step, words, status):
    response, provider, _ = run_edit(slug, step, [words] * 1000)
    assert response.status == status
    assert response.headers["x-retouch-billed"] == "unknown"
    assert response.headers["x-should-retry"] == "false"
    assert provider.served.count(step) == 1


@pytest.mark.parametrize("status", [502, 503, 504, 520])
def test_words_of_a_proxy_about_moderation_are_no_final_word(status):
    trouble = json_response({"error": "the moderation service is unavailable"}, status)
    response, _, _ = run_edit("segmind", "status", [trouble] * 3)
    assert_delivered(response)


def test_segmind_error_page_with_status_422_is_no_final_word():
    page = ScriptedResponse(422, b"<html>", HTML)
    response, _, _ = run_edit("segmind", "status", [page])
    assert_delivered(response)


@pytest.mark.parametrize("status", [201, 202, 203, 206, 226, 299])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["own host", "another host"])
def test_whole_image_is_taken_with_any_success_status(elsewhere, status):
    image = ScriptedResponse(status, IMAGE, {"content-type": "image/png"})
    response, host, _ = run_edit("black-forest-labs", "image.png", [image], elsewhere=elsewhere)
    assert_delivered(response)
    assert host.served.count("image.png") == 1


@pytest.mark.parametrize("slug", DOWNLOADING)
def test_result_url_that_the_fetch_guard_refuses_is_not_requested_again(slug):
    flow, clock = FLOWS[slug], FakeClock()
    with TaskProvider(flow) as provider:
        provider.image_url = "https://169.254.169.254/image.png"
        env = {name: value.format(url=provider.url) for name, value in flow.env.items()}
        fields = {"model": flow.model, "prompt": "p", "image": file_part(IMAGE)}
        response = post_edit(fields, services=build_services(env, clock))
    assert (response.status, response.json["error"]["code"]) == (502, "result_not_fetched")
    assert_lost_honestly(response)
    assert sum(clock.sleeps) <= 1.0


def test_result_host_that_cannot_be_reached_is_asked_until_the_deadline():
    closed_host, flow, clock = f"127.0.0.1:{unused_port()}", FLOWS["openai"], FakeClock()
    with TaskProvider(flow) as provider:
        provider.image_url = f"http://{closed_host}/image.png"
        env = {name: value.format(url=provider.url) for name, value in flow.env.items()}
        services = build_services({**env, "RETOUCH_FETCH_ALLOW": closed_host}, clock)
        fields = {"model": flow.model, "prompt": "p", "image": file_part(IMAGE)}
        response = post_edit(fields, services=services)
    assert_lost_honestly(response)
    assert response.json["error"]["code"] == "result_not_fetched"
    assert clock.elapsed_seconds > 20


def test_polls_of_stability_keep_their_interval_after_trouble():
    _, _, clock = run_edit("stability-ai", "results/t", [TROUBLES["status 503"]] * 2)
    assert min(clock.sleeps) >= 10.0


@pytest.mark.parametrize(("seconds", "pause"), [("7", 7.5), ("3600", None)])
def test_retry_after_of_a_poll_is_respected_within_reason(seconds, pause):
    busy = ScriptedResponse(429, b"", {"retry-after": seconds})
    response, _, clock = run_edit("black-forest-labs", "get_result", [busy])
    assert_delivered(response)
    longest = max(clock.sleeps)
    assert longest == pause if pause else 20 < longest < 30


def result_requests(send, clock=None, seconds=600.0, slug="black-forest-labs"):
    clock = clock or FakeClock()
    settings = Settings.from_env({"BFL_API_KEY": "k", "STABILITY_API_KEY": "k"})
    resolved = resolve_model(
        FLOWS[slug].model, ClientCredentials(), PROVIDERS, settings, clock.today()
    )
    return ResultRequests(send, resolved, clock, clock.now() + seconds)


POLL = ProviderRequest("GET", "/p", delay=1.0, idempotent=True, validate=ProviderResponse.json)
DOWNLOAD = ProviderRequest("GET", "/d", idempotent=True, is_download=True)
POLLED = ProviderResponse(200, {}, b"{}")
DOWNLOADED = ProviderResponse(200, {}, IMAGE)


def hang_first(clock, good_response, timeouts, request, deadline):
    """Send nothing until the first deadline, and then respond at once."""
    timeouts.append(deadline - clock.now())
    if len(timeouts) > 1:
        return good_response
    clock.sleep(deadline - clock.now())
    raise DeadlineExceeded("late")


@pytest.mark.parametrize(
    ("request_", "good_response", "limit"), [(POLL, POLLED, 60.0), (DOWNLOAD, DOWNLOADED, 300.0)]
)
def test_request_that_hangs_leaves_time_for_another(request_, good_response, limit):
    clock = FakeClock()
    timeouts: list[float] = []
    send = partial(hang_first, clock, good_response, timeouts)
    assert result_requests(send, clock)(request_) == good_response
    assert timeouts[0] == limit
    assert len(timeouts) == 2


def test_request_that_hangs_until_the_deadline_raises_deadline_exceeded():
    clock = FakeClock()
    timeouts: list[float] = []
    with pytest.raises(DeadlineExceeded):
        result_requests(partial(hang_first, clock, POLLED, timeouts), clock, 9.0)(POLL)
    assert timeouts == [9.0]


@pytest.mark.parametrize(
    "damage",
    [IMAGE[:-20], IMAGE[:200], IMAGE[:60] + b"\0\0" + IMAGE[62:]],
    ids=["without its end", "its start", "another byte"],
)
def test_damaged_image_is_downloaded_three_times_and_then_taken(damage):
    responses = [ProviderResponse(200, {}, damage)] * 3 + [DOWNLOADED]
    remaining = list(responses)
    download = result_requests(lambda *_: remaining.pop(0))
    assert download(DOWNLOAD).body == damage
    assert remaining == [DOWNLOADED]


def test_image_that_was_damaged_once_is_downloaded_whole():
    remaining = [ProviderResponse(200, {}, IMAGE[:-20]), DOWNLOADED]
    assert result_requests(lambda *_: remaining.pop(0))(DOWNLOAD) == DOWNLOADED


def test_image_of_another_format_is_taken_as_it_is():
    gif = ProviderResponse(200, {}, b"GIF89a\x01\0\x01\0\0\0\0;")
    assert result_requests(lambda *_: gif)(DOWNLOAD) == gif


def test_error_that_no_attempt_can_mend_is_raised_at_once():
    def send(*_):
        raise UpstreamError("too large")

    clock = FakeClock()
    with pytest.raises(UpstreamError, match="too large"):
        result_requests(send, clock)(DOWNLOAD)
    assert clock.sleeps == []


def test_last_attempt_is_made_shortly_before_the_deadline():
    clock, times = FakeClock(), []
    started = clock.now()

    def send(*_):
        times.append(clock.now())
        return ProviderResponse(503, {}, b"")

    with pytest.raises(UpstreamError, match="status 503"):
        result_requests(send, clock, 100.0)(DOWNLOAD)
    assert 97 < times[-1] - started < 99.5
    assert len(times) < 60


def test_pauses_without_randomness_are_never_zero():
    clock = FakeClock(fraction=0.0)
    with pytest.raises(UpstreamError):
        result_requests(lambda *_: ProviderResponse(503, {}, b""), clock, 20.0)(DOWNLOAD)
    assert min(clock.sleeps) == 0.25


def test_moderation_in_a_poll_is_raised_at_once():
    body = b'{"name": "content_moderation", "errors": ["no"]}'
    with pytest.raises(Moderated):
        result_requests(lambda *_: ProviderResponse(403, {}, body), slug="stability-ai")(POLL)
