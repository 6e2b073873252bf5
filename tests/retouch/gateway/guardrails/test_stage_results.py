"""Tests of hooks that look at results: damaged results, and hooks that take longer than the time that is left."""

import json

import pytest

from retouch.core.edit_types import GeneratedImage
from retouch.core.errors import UpstreamError
from retouch.gateway.guardrails.config import read_guardrails
from retouch.gateway.guardrails.report import GuardrailReport
from retouch.gateway.guardrails.stage import check_images
from retouch.gateway.guardrails.types import CheckError, GuardrailInput
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, photo
from tests.support.time_budgets import time_budget
from tests.support.unusual_results import (
    JPEG_XL,
    animation,
    png_with_missing_lines,
    png_with_wrong_checksum,
)
from tests.support.upstream import ScriptedResponse, Upstream, json_response

PNG_ONLY = {"retouch.output": {"formats": ["png", "webp"]}, "id": "format"}
NOT_BLANK = {"retouch.output": {"notBlank": True}, "id": "blank"}
WEBHOOK = {"default.webhook": {"webhookURL": "https://a.example/x", "timeout": 10_000}}
GOOD = GeneratedImage(data=photo())
FIELDS = {"prompt": "p", "image": file_part(photo()), "model": "gpt-image-2"}


def check(hook, images, clients, seconds=60.0, reserved_seconds=0.0):
    guardrails = read_guardrails({"output_guardrails": [hook]})
    return check_images(
        guardrails,
        GuardrailInput("p"),
        images,
        clients,
        GuardrailReport(),
        time_budget(seconds),
        reserved_seconds,
    )


@pytest.mark.parametrize(
    ("hook", "data"),
    [
        (PNG_ONLY, png_with_wrong_checksum()),
        (NOT_BLANK, png_with_missing_lines()),
        (PNG_ONLY, b""),
        (PNG_ONLY, JPEG_XL),
    ],
    ids=["checksum", "missing-lines", "empty", "jpeg-xl"],
)
def test_unreadable_result_is_left_out_and_named(hook, data, remote_services):
    images = [GeneratedImage(data=data), GOOD]
    results = check(hook, images, remote_services.clients())
    assert (results.images, results.report.after.passed) == ([GOOD], True)
    assert results.notes[0].startswith("n: 1 of 2 images cannot be read")
    with pytest.raises(UpstreamError) as exc_info:
        check(hook, images[:1], remote_services.clients())
    assert (exc_info.value.status, exc_info.value.billed) == (502, "unknown")


def test_hooks_see_and_deliver_the_first_frame(remote_services):
    image = GeneratedImage(data=animation("WEBP"))
    results = check(NOT_BLANK, [image], remote_services.clients())
    assert results.images != [image]
    assert "first frame" in results.notes[0]
    assert not results.report.after.passed  # the first frame is all red


def test_results_are_not_opened_without_hooks(remote_services):
    images = [GeneratedImage(data=b"<html>")]
    guardrails = read_guardrails({})
    results = check_images(
        guardrails,
        GuardrailInput("p"),
        images,
        remote_services.clients(),
        GuardrailReport(),
        time_budget(0),
        0,
    )
    assert results.images is images


@pytest.mark.parametrize(
    ("options", "seconds_earlier"), [({"deny": True}, 0), ({}, 20), ({"async": True}, 20)]
)
def test_only_hook_with_deny_gets_the_time_of_the_remaining_work(
    options, seconds_earlier, remote_services
):
    time = time_budget()
    clients = remote_services.clients()
    guardrails = read_guardrails({"output_guardrails": [{**WEBHOOK, **options}]})
    check_images(guardrails, GuardrailInput("p"), [GOOD], clients, GuardrailReport(), time, 20.0)
    (request,) = remote_services.webhook_requests
    assert request.deadline == time.deadline - seconds_earlier


@pytest.mark.parametrize(("fail_open", "verdict"), [(False, False), (True, True)])
def test_check_that_timed_out_counts_like_one_without_verdict(fail_open, verdict, remote_services):
    remote_services.webhook_response = CheckError("The webhook timed out.")
    hook = {"default.webhook": {**WEBHOOK["default.webhook"], "failOpen": fail_open}, "deny": True}
    after = check(hook, [GOOD], remote_services.clients()).report.after
    assert (after.denied, after.passed) == (not verdict, verdict)
    assert after.results[0]["checks"][0]["error"]["message"] == "The webhook timed out."


def test_results_are_not_decoded_without_time(remote_services):
    after = check(NOT_BLANK, [GOOD], remote_services.clients(), seconds=0).report.after
    assert "could not be inspected" in after.results[0]["checks"][0]["error"]["message"]


# ---- through the handler


@pytest.fixture
def edit_under_hanging_webhook():
    """Return a function that sends an edit whose webhook hangs: (seconds of the function, hook) -> response."""
    image_response = json_response({"created": 1, "data": [{"b64_json": b64(photo())}]})
    with (
        Upstream(image_response) as provider,
        Upstream(ScriptedResponse(network_failure="hang")) as webhook,
    ):

        def send_edit(seconds, where="output_guardrails", **hook):
            check = {"webhookURL": f"{webhook.url}/x", "timeout": 10_000}
            config = {where: [{"default.webhook": check, "id": "watch", **hook}]}
            env = {
                "OPENAI_BASE_URL": provider.url,
                "OPENAI_API_KEY": "sk",
                "RETOUCH_WEBHOOK_ALLOW": webhook.url.removeprefix("http://"),
                "RETOUCH_LEAST_CALL_SECONDS": "0.5",
            }
            headers = {"x-portkey-config": json.dumps(config)}
            return post_edit(FIELDS, env, headers, seconds=seconds), provider.received

        yield send_edit


def test_observing_webhook_that_hangs_does_not_lose_the_image(edit_under_hanging_webhook):
    response, _ = edit_under_hanging_webhook(4.0, **{"async": True})
    assert (response.status, response.headers["x-retouch-billed"]) == (200, "yes")
    assert response.json["data"][0]["b64_json"] == b64(photo())


def test_failed_webhook_that_hangs_is_reported_with_the_image(edit_under_hanging_webhook):
    response, _ = edit_under_hanging_webhook(4.0)
    assert (response.status, len(response.json["data"])) == (246, 1)
    (hook,) = response.json["hook_results"]["after_request_hooks"]
    assert "no verdict within" in hook["checks"][0]["error"]["message"]


def test_denying_webhook_that_hangs_denies_the_image_and_says_billed(edit_under_hanging_webhook):
    response, _ = edit_under_hanging_webhook(4.0, deny=True)
    assert (response.status, response.headers["x-retouch-billed"]) == (446, "yes")


def test_webhook_that_hangs_before_the_call_leaves_time_for_it(edit_under_hanging_webhook):
    response, calls = edit_under_hanging_webhook(6.0, "input_guardrails")
    assert (response.status, len(calls)) == (246, 1)
