"""Tests of the Stability AI adapter: operations, soft masks, blurred successes and the asynchronous new background."""

import base64
import re

import pytest
from PIL import Image

from retouch.gateway.health import check_health
from retouch.providers.stability_ai import PROVIDER
from tests.contract.standin import MAGENTA
from tests.contract.standins._stability import expected_failure
from tests.contract.standins.stability_ai import StabilityAIStandIn, error_response
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, box_mask, cutout, decode_image, encode_image, photo, scene
from tests.support.services import FakeClock, build_services
from tests.support.upstream import ScriptedResponse, json_response

IMAGE = file_part(photo(96, 96))
MASK = file_part(box_mask(96, 96))
CUTOUT = file_part(cutout(96, 96))


@pytest.fixture
def server():
    with StabilityAIStandIn() as server:
        yield server


@pytest.fixture
def clock():
    return FakeClock()


def stability_edit(server, fields, clock=None):
    remaining = dict(fields)
    model = remaining.pop("model", "edit")
    first_fields = {"model": f"stability-ai/{model}", "image": remaining.pop("image", IMAGE)}
    has_several_images = isinstance(first_fields["image"], list)
    image_parts = [("image[]", i) for i in first_fields.pop("image")] if has_several_images else []
    services = build_services(server.env(), clock, providers=(PROVIDER,))
    return post_edit([*first_fields.items(), *image_parts, *remaining.items()], services=services)


def result_image(response):
    return decode_image(base64.b64decode(response.json["data"][0]["b64_json"]))


@pytest.mark.parametrize(
    ("fields", "path", "sent"),
    [
        ({"prompt": "p", "mask": MASK}, "edit/inpaint", {"prompt": "p"}),
        ({"prompt": "p", "image": CUTOUT}, "edit/inpaint", {"prompt": "p"}),
        ({"mask": MASK}, "edit/erase", {}),
        ({"image": CUTOUT, "grow_mask": "0"}, "edit/erase", {"grow_mask": "0"}),
        ({"left": "10", "down": "0"}, "edit/outpaint", {"left": "10", "down": "0"}),
        ({"up": "9", "prompt": "sky", "image": CUTOUT}, "edit/outpaint", {"up": "9", "prompt": "sky"}),
        ({"prompt": "p", "search_prompt": "cat"}, "edit/search-and-replace", {"prompt": "p", "search_prompt": "cat"}),
        ({"prompt": "p", "select_prompt": "hat"}, "edit/search-and-recolor", {"prompt": "p", "select_prompt": "hat"}),
        ({"background": "transparent"}, "edit/remove-background", {}),
        (
            {"prompt": "p"},
            "generate/sd3",
            {"prompt": "p", "mode": "image-to-image", "model": "sd3.5-large", "strength": "0.7"},
        ),
        (
            {"prompt": "p", "model": "sd3.5-flash", "strength": "0.25"},
            "generate/sd3",
            {"prompt": "p", "mode": "image-to-image", "model": "sd3.5-flash", "strength": "0.25"},
        ),
        ({"prompt": "p", "model": "ultra"}, "generate/ultra", {"prompt": "p", "strength": "0.7"}),
        ({"prompt": "p", "model": "control-style"}, "control/style", {"prompt": "p"}),
        ({"prompt": "p", "model": "erase", "mask": MASK}, "edit/erase", {}),
    ],
)  # fmt: skip
def test_edit_model_chooses_operation_from_request(server, fields, path, sent):
    response = stability_edit(server, fields)
    assert response.status == 200, response.json
    (call,) = server.calls
    assert call.path == f"/v2beta/stable-image/{path}"
    assert call.fields == sent


def test_inpaint_request_matches_documented_example(server):
    stability_edit(
        server,
        {
            "prompt": "a green velvet armchair",
            "mask": MASK,
            "seed": "41",
            "output_format": "png",
            "user": "Zoë\n<zoe@example.com>",
        },
    )
    (call,) = server.calls
    assert (call.method, call.path) == ("POST", "/v2beta/stable-image/edit/inpaint")
    assert [(name, file, kind) for name, file, kind, _ in call.files] == [
        ("image", "image.png", "image/png"),
        ("mask", "mask.png", "image/png"),
    ]
    assert call.fields == {
        "prompt": "a green velvet armchair",
        "seed": "41",
        "output_format": "png",
    }
    assert call.headers["accept"] == "application/json"
    assert call.headers["authorization"] == f"Bearer {server.key}"
    assert re.fullmatch("[0-9a-f]{64}", call.headers["stability-client-user-id"])


def test_mask_is_sent_with_white_where_edited(server):
    response = stability_edit(server, {"prompt": "p", "mask": MASK, "preserve": "false"})
    result, mask = result_image(response), decode_image(server.calls[0].files[1][3])
    assert (mask.mode, mask.getpixel((48, 48)), mask.getpixel((2, 2))) == ("L", 255, 0)
    assert result.getpixel((48, 48)) == MAGENTA
    assert result.getpixel((2, 2)) == scene(96, 96).getpixel((2, 2))


def sent_mask(server, alpha):
    """Return the mask that the provider receives for a mask file with that alpha channel."""
    mask = Image.new("RGBA", alpha.size)
    mask.putalpha(alpha)
    stability_edit(server, {"prompt": "p", "mask": file_part(encode_image(mask))})
    return decode_image(server.calls[0].files[1][3])


def test_ramp_of_mask_is_sent_as_grey(server):
    sent = sent_mask(server, Image.linear_gradient("L").resize((96, 96)))
    assert sent.getpixel((5, 2)) == 255
    assert 50 < sent.getpixel((5, 70)) < 90
    assert sent.getpixel((5, 94)) == 0


@pytest.mark.parametrize(("alpha", "level"), [(55, 255), (200, 0)])
def test_mask_area_of_one_grey_is_sent_as_marked_or_unmarked(server, alpha, level):
    channel = decode_image(box_mask(96, 96)).getchannel("A")
    channel.paste(alpha, (0, 0, 20, 20))
    sent = sent_mask(server, channel)
    assert [sent.getpixel(at) for at in ((5, 5), (48, 48), (90, 5))] == [level, 255, 0]


def test_transparent_image_is_sent_opaque_with_mask(server):
    stability_edit(server, {"prompt": "p", "image": CUTOUT})
    image, mask = (decode_image(data) for _, _, _, data in server.calls[0].files)
    assert "A" not in image.getbands()
    assert mask.getpixel((48, 48)) == 255


def test_erase_without_mask_is_refused_before_any_call(server):
    response = stability_edit(server, {"model": "erase"})
    assert (response.status, response.json["error"]["code"]) == (400, "mask_required")
    assert server.calls == []


def test_remove_background_as_jpeg_is_converted_from_png(server):
    response = stability_edit(server, {"model": "remove-background", "output_format": "jpeg"})
    assert server.calls[0].fields == {"output_format": "png"}
    assert result_image(response).format == "JPEG"


def test_filtered_success_becomes_moderation_blocked_without_image(server):
    failure = server.failures()["moderated_2_blurred"]
    server.fail_with(failure)
    response = stability_edit(server, {"prompt": "p"})
    error = response.json["error"]
    assert (response.status, error["code"]) == (400, "moderation_blocked")
    assert error["moderation_details"] == {"moderation_stage": "output", "categories": []}
    assert response.headers["x-retouch-billed"] == "unknown"
    assert "data" not in response.json


def test_content_moderation_error_is_unbilled_input_moderation(server):
    server.fail_with(server.failures()["moderated_1_before"])
    response = stability_edit(server, {"prompt": "p"})
    assert response.json["error"]["moderation_details"]["moderation_stage"] == "input"
    assert response.headers["x-retouch-billed"] == "no"


def test_invalid_language_error_names_prompt_param(server):
    server.fail_with(server.failures()["language"])
    error = stability_edit(server, {"prompt": "ein Stuhl"}).json["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", "prompt")


def test_light_strength_without_light_is_refused_before_any_call(server):
    fields = {"model": "replace-background-and-relight", "prompt": "a beach"}
    response = stability_edit(server, {**fields, "light_source_strength": "0.5"})
    assert (response.status, response.json["error"]["param"]) == (400, "light_source_strength")
    assert server.calls == []


@pytest.mark.parametrize(
    "light", [{"light_source_direction": "left"}, {"image": [IMAGE, IMAGE, IMAGE]}]
)
def test_light_strength_with_light_is_accepted(server, light):
    fields = {"model": "replace-background-and-relight", "prompt": "a beach"}
    response = stability_edit(server, {**fields, "light_source_strength": "0.5", **light})
    assert response.status == 200, response.json


@pytest.mark.parametrize("model", ["edit", "outpaint"])
@pytest.mark.parametrize("zero", ["0", "00"])
def test_outpaint_by_zero_pixels_is_refused_before_any_call(server, model, zero):
    response = stability_edit(server, {"model": model, "left": zero, "down": "0"})
    assert (response.status, response.json["error"]["param"]) == (400, "left")
    assert "other than 0" in response.json["error"]["message"]
    assert server.calls == []


def test_rate_limit_without_hint_returns_retry_after_60_without_retry(server):
    server.fail_with(server.failures()["rate_limited"])
    response = stability_edit(server, {"prompt": "p"})
    assert (response.status, response.headers["retry-after"]) == (429, "60")
    assert len(server.calls) == 1


def test_rate_limit_with_hint_returns_its_retry_after(server):
    server.fail_with(server.failures()["rate_limited_with_hint"])
    assert stability_edit(server, {"prompt": "p"}).headers["retry-after"] == "30"


RELIGHT_FIELDS = {
    "model": "replace-background-and-relight",
    "prompt": "a beach",
    "image": [IMAGE, file_part(photo(80, 80))],
    "keep_original_background": "true",
    "light_source_direction": "above",
}


def test_relight_result_is_polled_until_ready(server, clock):
    response = stability_edit(server, RELIGHT_FIELDS, clock)
    assert response.status == 200, response.json
    submission, *polls = server.received
    assert [name for name, *_ in submission.files] == ["subject_image", "background_reference"]
    assert submission.fields == {
        "background_prompt": "a beach",
        "keep_original_background": "true",
        "light_source_direction": "above",
    }
    assert [(poll.method, poll.path) for poll in polls] == [
        ("GET", f"/v2beta/results/{0:064x}")
    ] * 2
    assert clock.sleeps == [10.0, 10.0]


@pytest.mark.parametrize(
    ("poll_response", "expected"),
    [
        (error_response(404, "not_found", "expired"), 502),
        (error_response(500, "internal_error", "oops"), 502),
        (error_response(403, "content_moderation", "no"), 400),
    ],
)
def test_relight_poll_failure_has_unknown_billing(server, clock, poll_response, expected):
    failure = expected_failure(poll_response, expected, None)
    failure.successes_first = 1
    server.fail_with(failure)
    response = stability_edit(server, RELIGHT_FIELDS, clock)
    assert (response.status, response.headers["x-retouch-billed"]) == (expected, "unknown")
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("status", "billed"),
    [
        *((status, "unknown") for status in (301, 302, 307, 308, 408, 499, 504, 520, 522, 524)),
        *((status, "no") for status in (400, 404, 413, 500, 502, 503, 529)),
    ],
)
def test_error_that_does_not_say_how_the_edit_ended_has_unknown_billing(server, status, billed):
    server.fail_with(expected_failure(error_response(status, "internal_error", "oops"), 502, None))
    response = stability_edit(server, {"prompt": "p"})
    assert response.headers["x-retouch-billed"] == billed
    assert (response.headers.get("x-should-retry") == "false") is (
        billed == "unknown" or status < 500
    )
    assert len(server.calls) == 1


def test_image_as_the_whole_body_is_delivered(server):
    image = photo()
    body = ScriptedResponse(200, image, {"content-type": "application/octet-stream"})
    server.fail_with(expected_failure(body, 200, None))
    response = stability_edit(server, {"prompt": "p"})
    assert response.json["data"][0]["b64_json"] == b64(image)


@pytest.mark.parametrize(
    "result",
    [
        json_response({"result": b64(photo()), "finish_reason": "SUCCESS"}, 202),
        ScriptedResponse(200, photo(), {"content-type": "image/png"}),
    ],
)
def test_relight_result_in_another_form_is_delivered(server, clock, result):
    failure = expected_failure(result, 200, None)
    failure.successes_first = 1
    server.fail_with(failure)
    response = stability_edit(server, RELIGHT_FIELDS, clock)
    assert response.json["data"][0]["b64_json"] == b64(photo())


def test_relight_result_that_never_comes_returns_504(server, clock):
    failure = expected_failure(json_response({"id": "0", "status": "in-progress"}, 202), 504, None)
    failure.successes_first = 1
    server.fail_with(failure)
    response = stability_edit(server, RELIGHT_FIELDS, clock)
    assert (response.status, response.headers["x-retouch-billed"]) == (504, "unknown")
    assert sum(clock.sleeps) < 60


def test_n_images_become_calls_with_consecutive_seeds(server):
    response = stability_edit(server, {"prompt": "p", "n": "3", "seed": "7"})
    assert len(response.json["data"]) == 3
    assert sorted(call.fields["seed"] for call in server.calls) == ["7", "8", "9"]


@pytest.mark.parametrize("model", PROVIDER.models, ids=lambda model: model.id)
def test_model_has_price_and_source(model):
    assert model.operations or (0.02 <= model.price.per_image <= 0.08 and model.price.source)


def test_health_check_requests_balance_only(server):
    services = build_services(server.env(), providers=(PROVIDER,))
    assert check_health(services)["checks"]["stability-ai"] == "ok"
    assert [received.path for received in server.received] == ["/v1/user/balance"]


@pytest.mark.parametrize("reason", ["COMPLETED", "STOP", "success", "", None])
def test_image_with_another_finish_reason_is_delivered(server, reason):
    image = photo(64, 64)
    server.failure_responses = [json_response({"image": b64(image), "finish_reason": reason})]
    response = stability_edit(server, {"image": file_part(image), "prompt": "p"})
    assert (response.status, response.headers["x-retouch-billed"]) == (200, "yes")


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("CONTENT_FILTERED", "moderation_blocked"),
        ("FILTERED", "moderation_blocked"),
        ("ERROR", "provider_error"),
    ],
)
def test_filtered_or_failed_image_is_an_error(server, reason, code):
    body = {"image": b64(photo(64, 64)), "finish_reason": reason}
    server.failure_responses = [json_response(body)]
    response = stability_edit(server, {"image": file_part(photo(64, 64)), "prompt": "p"})
    assert response.json["error"]["code"] == code
    assert response.headers["x-retouch-billed"] == "unknown"
