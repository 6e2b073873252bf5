"""Tests that the fetch policy holds for direct fetches and for fetches through the mirror."""

from dataclasses import replace

import pytest

from retouch.core.clock import SystemClock
from retouch.core.url_policy.errors import FetchError
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.fetch.image_fetcher import ImageFetcher
from tests.support.events import json_event
from tests.support.gateway_client import file_part, post_edit, send_event
from tests.support.images import b64, box_mask, photo
from tests.support.mirror import BUCKET, build_mirror, object_key, running_mirror
from tests.support.services import FakeClock, build_services
from tests.support.upstream import ScriptedResponse, Upstream, json_response

PNG = photo(40, 30)


@pytest.fixture
def mirror(aws, web):
    web.files.update({"/a.png": PNG, "/m.png": box_mask(40, 30)})
    mirror = build_mirror(aws, web)
    mirror.consumer.store.client.list_buckets()
    return mirror


@pytest.fixture(params=["", "queue"], ids=["direct", "queue"])
def settings(request, mirror, aws):
    """Return settings of a function that fetches directly, and of one that fetches through the mirror."""
    with running_mirror(mirror, aws):
        yield replace(mirror.settings, mirror_mode=request.param)


def image_fetcher(settings, **changed):
    clock = SystemClock()
    return ImageFetcher(
        replace(settings, **changed), clock, AwsClients(), lambda line: None
    ), clock.now() + 30


def test_image_and_result_bytes_are_the_same_in_both_modes(settings, web):
    fetcher, deadline = image_fetcher(settings)
    assert fetcher.fetch_input(web.url + "/a.png", deadline) == PNG
    assert fetcher.fetch_result(web.url + "/a.png", deadline, ()) == PNG


def test_image_and_result_size_limits_apply_in_both_modes(settings, web):
    fetcher, deadline = image_fetcher(settings, max_upload_bytes=100)
    with pytest.raises(FetchError) as exc_info:
        fetcher.fetch_input(web.url + "/a.png", deadline)
    assert exc_info.value.reason == "too_large"
    fetcher, deadline = image_fetcher(settings, max_provider_response_bytes=100)
    assert fetcher.fetch_input(web.url + "/a.png", deadline) == PNG
    with pytest.raises(FetchError) as exc_info:
        fetcher.fetch_result(web.url + "/a.png", deadline, ())
    assert exc_info.value.reason == "too_large"


def test_result_from_unlisted_host_is_rejected(settings, web):
    fetcher, deadline = image_fetcher(settings)
    with pytest.raises(FetchError) as exc_info:
        fetcher.fetch_result("https://other.example/a.png", deadline, ("only.example",))
    assert exc_info.value.reason == "host_not_allowed"
    assert web.received == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        *((f"https://a.example/?{'a' * length}", "url_too_long") for length in (5_000, 1_200_000)),
        ("https://a.example\\@b.example/", "invalid_url"),
        ("https://a@b.example/", "userinfo_not_allowed"),
        ("http://a.example/", "scheme_not_allowed"),
        ("https://localhost/", "host_not_allowed"),
    ],
    ids=lambda value: value[:30],
)
def test_invalid_or_disallowed_url_raises_matching_reason(settings, url, reason):
    fetcher, deadline = image_fetcher(settings)
    with pytest.raises(FetchError) as exc_info:
        fetcher.fetch_input(url, deadline)
    assert exc_info.value.reason == reason


def queue_env(aws):
    return {
        "RETOUCH_MIRROR": "queue",
        "RETOUCH_MIRROR_QUEUE": aws.queue,
        "RETOUCH_BUCKET": BUCKET,
    }


@pytest.mark.parametrize("length", [5_000, 70_000, 1_200_000])
def test_too_long_url_returns_400_and_sends_no_message(mirror, aws, web, length):
    image = {"image_url": f"{web.url}/a.png?{'a' * length}"}
    body = {"prompt": "p", "images": [image], "mask": {"image_url": image["image_url"]}}
    response = send_event(json_event(body), services=build_services(queue_env(aws), SystemClock()))
    assert (response.status, response.json["error"]["code"]) == (400, "invalid_url")
    assert aws.receive_batch()["Records"] == []


def test_unanswered_queue_times_out_within_fetch_limit(mirror):
    settings = replace(mirror.settings, mirror_mode="queue")
    clock = FakeClock()
    fetcher = ImageFetcher(settings, clock, AwsClients(), lambda line: None)
    for read, seconds in (
        (lambda url, until: fetcher.fetch_input(url, until), 20),
        (lambda url, until: fetcher.fetch_result(url, until, ()), 60),
    ):
        clock.sleeps.clear()
        with pytest.raises(FetchError) as exc_info:
            read("https://a.example/", clock.now() + 895)
        assert exc_info.value.reason == "timeout"
        assert seconds / 2 < sum(clock.sleeps) <= seconds + 10


def test_image_fetched_for_edit_is_stored_below_mirror_edits(mirror, aws, web):
    fetcher, deadline = image_fetcher(mirror.settings, mirror_mode="queue")
    with running_mirror(mirror, aws):
        fetcher.fetch_input(web.url + "/a.png", deadline)
    answer_key, image_key = sorted(aws.objects())
    assert answer_key.startswith("mirror/answers/")
    assert image_key == object_key(PNG, prefix="mirror/edits")


def test_paid_result_is_fetched_again_after_503(mirror, aws, web):
    host_responses = [
        ScriptedResponse(503),
        ScriptedResponse(200, PNG, {"content-type": "image/png"}),
    ]
    web.scripts["/r.png"] = lambda handler: web.write_response(handler, host_responses.pop(0))
    provider_response = json_response({"created": 1, "data": [{"url": f"{web.url}/r.png"}]})
    with running_mirror(mirror, aws), Upstream(provider_response) as provider:
        env = {"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": provider.url}
        fetch_env = {"RETOUCH_FETCH_ALLOW": mirror.settings.fetch_allowlist}
        services = build_services({**queue_env(aws), **fetch_env, **env}, SystemClock())
        fields = {"model": "gpt-image-2", "prompt": "p", "image": file_part(PNG)}
        response = post_edit(fields, services=services)
        assert len(provider.calls) == 1
    assert response.status == 200
    assert response.json["data"][0]["b64_json"] == b64(PNG)
    assert host_responses == []
