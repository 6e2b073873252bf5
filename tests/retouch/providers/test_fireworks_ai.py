"""Tests of the Fireworks adapter: a task that is polled by POST, refusals as task states, results on another host."""

import base64
from urllib.parse import urlsplit

import pytest

from retouch.core.capabilities import ProviderFailure
from retouch.core.edit_types import EncodedImage
from retouch.core.provider_protocol import ProviderJob, ProviderRequest, ProviderResponse
from retouch.providers._shared.flux import MAX_NOT_FOUND_POLLS
from retouch.providers.fireworks_ai import PROVIDER, edit, parse_error
from tests.contract.standin import MAGENTA
from tests.contract.standins.fireworks_ai import WORKFLOWS, FireworksAiStandIn
from tests.support import gateway_client
from tests.support.images import b64, box_mask, data_url, decode_image, photo
from tests.support.services import FakeClock, build_services
from tests.support.upstream import json_response

PHOTO = photo(96, 64)


@pytest.fixture
def server():
    with FireworksAiStandIn() as standin:
        yield standin


def fireworks_edit(server, clock=None, images=(PHOTO,), **fields):
    env = {"RETOUCH_FETCH_ALLOW": urlsplit(server.result_host.url).netloc, **server.env()}
    fields = {"model": "fireworks-ai/flux-kontext-pro", "prompt": "p", **fields}
    parts = [*fields.items(), *(("image[]", gateway_client.file_part(data)) for data in images)]
    return gateway_client.post_edit(
        parts, services=build_services(env, clock, providers=(PROVIDER,))
    )


def result_image(response):
    return decode_image(base64.b64decode(response.json["data"][0]["b64_json"]))


def test_edit_submits_task_then_polls_and_fetches_result(server):
    response = fireworks_edit(server, size="1536x1024", safety_tolerance="2", seed="41")
    submission, *polls = server.received
    assert submission.path == f"{WORKFLOWS}/flux-kontext-pro"
    assert submission.json() == {
        "prompt": "p",
        "input_image": data_url(PHOTO),
        "output_format": "png",
        "aspect_ratio": "3:2",
        "safety_tolerance": 2,
        "seed": 41,
    }
    assert [(poll.method, poll.path, poll.json()) for poll in polls] == [
        ("POST", f"{WORKFLOWS}/flux-kontext-pro/get_result", {"id": "task-0"})
    ] * 3
    assert result_image(response).size == (1536, 1024)
    assert result_image(response).getpixel((700, 500)) == MAGENTA


def test_polls_wait_one_second_each(server):
    clock = FakeClock()
    fireworks_edit(server, clock)
    assert clock.sleeps == [1.0, 1.0, 1.0]


def test_key_is_sent_to_fireworks_and_not_to_result_host(server):
    assert fireworks_edit(server).status == 200
    (download,) = server.result_host.received
    assert server.key not in str(download.headers)
    assert all(r.headers["authorization"] == f"Bearer {server.key}" for r in server.received)


@pytest.mark.parametrize("sample", [data_url(PHOTO), b64(PHOTO)], ids=["data", "bare"])
def test_inline_result_is_returned_without_download(server, sample):
    server.failure_responses = [
        json_response({"request_id": "r"}),
        json_response({"status": "Ready", "result": {"sample": sample}}),
    ]
    assert result_image(fireworks_edit(server)).tobytes() == decode_image(PHOTO).tobytes()
    assert server.result_host.received == []


@pytest.mark.parametrize("sample", ["image", "data:image/png;base64,aGVsbG8gd29ybGQ=", ""])
def test_result_that_is_no_image_returns_502(server, sample):
    server.final_response = json_response({"status": "Ready", "result": {"sample": sample}})
    response = fireworks_edit(server)
    assert (response.status, response.json["error"]["code"]) == (502, "provider_error")


def test_jpeg_is_requested_and_webp_is_converted_from_png(server):
    for wanted, sent_format in (("jpeg", "jpeg"), ("webp", "png")):
        response = fireworks_edit(server, output_format=wanted)
        assert server.calls[-1].json()["output_format"] == sent_format
        assert result_image(response).format == wanted.upper()


@pytest.mark.parametrize(
    ("size", "ratio"),
    [
        ("1024x1024", "1:1"),
        ("1680x720", "21:9"),
        ("720x1680", "9:21"),
        ("1792x1024", "16:9"),
        ("1024x1280", "4:5"),
    ],
)
def test_size_is_sent_as_nearest_aspect_ratio(server, size, ratio):
    response = fireworks_edit(server, size=size)
    assert server.calls[0].json()["aspect_ratio"] == ratio
    assert "x".join(map(str, result_image(response).size)) == size


def test_size_beyond_listed_ratios_is_refused_before_any_call(server):
    response = fireworks_edit(server, size="3072x1024")
    assert (response.status, response.json["error"]["param"]) == (400, "size")
    assert server.received == []


def test_second_image_or_mask_is_refused_before_any_call(server):
    two = fireworks_edit(server, images=(PHOTO, PHOTO))
    masked = fireworks_edit(server, mask=gateway_client.file_part(box_mask(96, 64)))
    assert two.json["error"]["code"] == "too_many_images"
    assert masked.json["error"]["param"] == "mask"
    assert "preserve=true" in masked.json["error"]["message"]
    assert server.received == []


def test_mask_with_preserve_is_described_in_prompt_and_restored(server):
    response = fireworks_edit(
        server, mask=gateway_client.file_part(box_mask(96, 64)), preserve="true"
    )
    assert "of the width" in server.calls[0].json()["prompt"]
    assert "mask" not in server.calls[0].json()
    edited, original = result_image(response), decode_image(PHOTO)
    assert edited.getpixel((48, 32)) == MAGENTA
    assert edited.getpixel((2, 2)) == original.getpixel((2, 2))


@pytest.mark.parametrize(
    ("status", "stage"),
    [("Request Moderated", "input"), ("Content Moderated", "output"), ("New Moderated", "unknown")],
)
def test_moderated_task_ends_polling_as_moderation_blocked(server, status, stage):
    details = {"Moderation Reasons": ["Derivative Works"]}
    server.final_response = json_response({"status": status, "details": details})
    error = fireworks_edit(server).json["error"]
    assert error["code"] == "moderation_blocked"
    assert error["moderation_details"] == {
        "moderation_stage": stage,
        "categories": ["Derivative Works"],
    }
    assert len(server.received) == 2


def provider_response(body):
    return ProviderResponse(200, {}, json_response(body).body)


def run_adapter(*states):
    """Run the adapter with the given task states. Return its result and the number of polls."""
    job = ProviderJob("flux-kontext-pro", "p", (EncodedImage(PHOTO, "png", 96, 64),))
    adapter = edit(job)
    next(adapter)
    request = adapter.send(provider_response({"request_id": "r"}))
    for polls, state in enumerate(states, 1):
        assert isinstance(request, ProviderRequest)
        assert request.idempotent
        try:
            request = adapter.send(provider_response(state))
        except StopIteration as end:
            return end.value, polls
    raise AssertionError("the adapter polls more often than there are states")


NOT_FOUND_PAYLOAD = {"status": "Task not found"}
READY_PAYLOAD = {"status": "Ready", "result": {"sample": b64(PHOTO)}}


def test_task_not_found_for_ten_polls_is_still_fetched():
    (image,), polls = run_adapter(*[NOT_FOUND_PAYLOAD] * MAX_NOT_FOUND_POLLS, READY_PAYLOAD)
    assert image.to_bytes() == PHOTO
    assert polls == 11


def test_task_not_found_for_eleven_polls_fails():
    with pytest.raises(ProviderFailure, match="Task not found"):
        run_adapter(*[NOT_FOUND_PAYLOAD] * (MAX_NOT_FOUND_POLLS + 1))


@pytest.mark.parametrize(
    "status", ["Ready", "Complete", "Finished", "SUCCEEDED", "Image Ready", "x"]
)
def test_each_success_status_ends_polling(status):
    assert run_adapter({**READY_PAYLOAD, "status": status})[1] == 1


def test_undocumented_status_without_a_result_is_polled_again():
    assert run_adapter({"status": "Queued"}, {"status": "x"}, READY_PAYLOAD)[1] == 3


def test_result_of_an_unfinished_task_is_a_preview():
    assert run_adapter({**READY_PAYLOAD, "status": "In-Progress"}, READY_PAYLOAD)[1] == 2


@pytest.mark.parametrize("status", ["Cancelled", "canceled", "Expired", "Timed Out", "FAILURE"])
def test_each_failure_status_ends_polling(status):
    with pytest.raises(ProviderFailure, match=status):
        run_adapter({"status": status}, READY_PAYLOAD)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"object": "error", "type": "invalid_request_error", "message": "why"}},
        {"error": "why"},
        {"error_message": "why"},
        {"fault": {"faultstring": "why"}},
        {"detail": [{"loc": ["body"], "msg": "why"}]},
        {"detail": "why"},
    ],
)
def test_error_of_any_shape_yields_its_message(body):
    assert parse_error(ProviderResponse(400, {}, json_response(body).body)).message == "why"


def test_n_images_become_tasks_with_consecutive_seeds(server):
    response = fireworks_edit(server, n="3", seed="41")
    assert len(response.json["data"]) == 3
    assert sorted(call.json()["seed"] for call in server.calls) == [41, 42, 43]
