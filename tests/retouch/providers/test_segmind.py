"""Tests of the Segmind adapter: one schema for each slug, two API versions, failures under unusual statuses."""

import base64
from urllib.parse import urlsplit

import pytest
from PIL import Image

from retouch.core.provider_protocol import ProviderResponse
from retouch.providers._shared.segmind_models import SLUG_SCHEMAS
from retouch.providers.segmind import PROVIDER, parse_error
from tests.contract.standin import MAGENTA
from tests.contract.standins.segmind import RATE_LIMIT_HEADERS, SegmindStandIn
from tests.support import gateway_client
from tests.support.images import (
    b64,
    box_mask,
    color_counts,
    cutout,
    data_url,
    decode_image,
    encode_image,
    photo,
)
from tests.support.services import build_services
from tests.support.upstream import ScriptedResponse, json_response

PHOTO = photo(96, 64)
MASK = gateway_client.file_part(box_mask(96, 64))
MASKED_SLUGS = [model.id for model in PROVIDER.models if model.requires_mask]
UNMASKED_SLUGS = [model.id for model in PROVIDER.models if not model.mask_format]


@pytest.fixture
def server():
    with SegmindStandIn() as standin:
        yield standin


def segmind_edit(server, model="edit", settings=None, images=(PHOTO,), **fields):
    allow = urlsplit(server.result_host.url).netloc
    env = {"RETOUCH_FETCH_ALLOW": allow, **server.env(), **(settings or {})}
    fields = {"model": f"segmind/{model}", "prompt": "p", **fields}
    parts = [*fields.items(), *(("image[]", gateway_client.file_part(data)) for data in images)]
    return gateway_client.post_edit(parts, services=build_services(env, providers=(PROVIDER,)))


def result_image(response):
    return decode_image(base64.b64decode(response.json["data"][0]["b64_json"])).convert("RGB")


def test_slug_schemas_and_models_have_equal_ids():
    assert {*SLUG_SCHEMAS, "edit"} == {model.id for model in PROVIDER.models}


@pytest.mark.parametrize("body", [b"", b"<html>We are sorry.</html>", b"not a picture"])
def test_result_file_that_is_no_image_returns_no_image_returned(server, body):
    server.failure_responses = [ScriptedResponse(200, body, {"content-type": "image/png"})]
    response = segmind_edit(server, "seg-beyond", left="9")
    assert (response.status, response.json["error"]["code"]) == (502, "no_image_returned")
    assert response.headers["x-retouch-billed"] == "unknown"


@pytest.mark.parametrize(
    ("model", "settings", "cost"),
    [
        ("seg-beyond", {}, "0.018"),  # v1: the header x-cost
        ("flux-kontext-pro", {}, "0.03"),  # v2: metrics.cost of the result, not the price list
        ("flux-kontext-pro", {"SEGMIND_API_VERSION": "v1"}, "0.018"),
    ],
)
def test_cost_is_what_segmind_states(server, model, settings, cost):
    fields = {"left": "9"} if model == "seg-beyond" else {}
    response = segmind_edit(server, model, settings, **fields)
    assert response.headers["x-retouch-cost-usd"] == cost


@pytest.mark.parametrize("output", [{}, [], None, 5, [[]], {"image": None}, "", {"a": {"b": []}}])
def test_finished_task_without_result_url_returns_502(server, output):
    server.create_job = lambda _: SegmindStandIn.create_job(server, output)
    response = segmind_edit(server, "qwen-image-edit")
    assert (response.status, response.json["error"]["code"]) == (502, "provider_error")


@pytest.mark.parametrize(
    "around", [lambda link: [None, link], lambda link: {"seed": 0, "images": [{"url": link}]}]
)
def test_result_url_is_found_in_nested_output(server, around):
    server.create_job = lambda output: SegmindStandIn.create_job(server, around(output))
    assert segmind_edit(server, "qwen-image-edit").status == 200


def test_outpaint_by_zero_pixels_is_refused_before_any_call(server):
    response = segmind_edit(server, "seg-beyond", left="0")
    assert (response.status, response.json["error"]["param"]) == (400, "left")
    assert server.received == []


def test_classic_slug_request_matches_documentation(server):
    response = segmind_edit(
        server, "sdxl-inpaint", mask=MASK, strength="0.9", seed="41", output_format="png"
    )
    (call,) = server.received
    body = call.json()
    mask = decode_image(base64.b64decode(body.pop("mask")))
    assert call.path == "/v1/sdxl-inpaint"
    assert body == {
        "image": b64(PHOTO),
        "prompt": "p",
        "samples": 1,
        "strength": 0.9,
        "seed": 41,
        "base64": False,
    }
    assert (mask.getpixel((48, 32)), mask.getpixel((2, 2))) == (255, 0)
    assert response.json["output_format"] == "png"


def test_v2_slug_submits_task_then_polls_and_fetches_result(server):
    images = [photo(32 + i, 32) for i in range(3)]
    response = segmind_edit(server, "qwen-image-edit-plus", images=images, output_format="jpeg")
    assert response.status == 200, response.json
    submission, *polls = server.received
    assert submission.json() == {
        "image": data_url(photo(32, 32)),
        "image_2": data_url(photo(33, 32)),
        "image_3": data_url(photo(34, 32)),
        "prompt": "p",
        "image_format": "jpg",
    }
    status = "/v2/requests/r_0/status"
    assert [p.path for p in polls] == [status, status, status, "/v2/requests/r_0"]
    (download,) = server.result_host.received
    assert server.key not in str(download.headers)


@pytest.mark.parametrize(
    ("fields", "slug"),
    [
        ({"mask": MASK}, "flux-fill-pro"),
        ({"images": [cutout(96, 64)]}, "flux-fill-pro"),
        ({"left": "16"}, "seg-beyond"),
        ({"left": "16", "prompt": ""}, "seg-beyond"),
        ({}, "qwen-image-edit-plus"),
    ],
)
def test_edit_model_chooses_slug_from_request(server, fields, slug):
    response = segmind_edit(server, **fields)
    assert response.status == 200, response.json
    assert server.calls[0].path.endswith(f"/{slug}")


def test_request_without_prompt_mask_or_edges_is_refused_before_any_call(server):
    assert segmind_edit(server, prompt="").status == 400
    assert server.received == []


def test_parameter_missing_in_chosen_slug_is_refused_before_any_call(server):
    response = segmind_edit(server, mask=MASK, go_fast="true")
    assert response.json["error"]["param"] == "go_fast"
    assert server.received == []


def test_unknown_slug_returns_404_before_any_call(server):
    response = segmind_edit(server, "sd3-inpainting")
    assert (response.status, response.json["error"]["code"]) == (404, "model_not_found")
    assert "sd3-inpainting" in response.json["error"]["message"]
    assert server.received == []


@pytest.mark.parametrize("slug", MASKED_SLUGS)
def test_transparent_mask_area_is_edited_and_the_rest_is_not(server, slug):
    response = segmind_edit(server, slug, mask=MASK, preserve="false", output_format="png")
    edited, original = result_image(response), decode_image(PHOTO)
    assert are_close(edited.getpixel((48, 32)), MAGENTA)
    assert are_close(edited.getpixel((4, 4)), original.getpixel((4, 4)))


def are_close(first, second):
    """Return whether two colours are equal within the loss of JPEG."""
    return all(abs(a - b) < 24 for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("slug", UNMASKED_SLUGS)
def test_unmasked_slug_returns_image(server, slug):
    response = segmind_edit(server, slug, **({"left": "16"} if slug == "seg-beyond" else {}))
    assert response.status == 200, response.json
    assert result_image(response).getpixel((48, 32)) in (
        MAGENTA,
        decode_image(PHOTO).getpixel((48, 32)),
    )


@pytest.mark.parametrize("slug", MASKED_SLUGS)
def test_soft_mask_edges_are_sent_to_flux_fill_only(server, slug):
    soft = Image.linear_gradient("L").resize((96, 64))
    mask = Image.merge("LA", (Image.new("L", soft.size), soft)).convert("RGBA")
    assert (
        segmind_edit(server, slug, mask=gateway_client.file_part(encode_image(mask))).status == 200
    )
    levels = len(color_counts(decode_image(server.parse_request(server.calls[0]).mask)))
    assert levels > 30 if slug.startswith("flux") else levels == 2


def test_sd15_image_is_padded_to_multiples_of_eight(server):
    response = segmind_edit(
        server,
        "sd1.5-inpainting",
        images=[photo(100, 71)],
        mask=gateway_client.file_part(box_mask(100, 71)),
    )
    assert response.status == 200, response.json
    body = server.calls[0].json()
    assert (body["img_width"], body["img_height"]) == (104, 72)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("slug", ["sdxl-inpaint", "flux-fill-dev"])
def test_api_version_setting_overrides_slug_version(server, version, slug):
    response = segmind_edit(server, slug, {"SEGMIND_API_VERSION": version}, mask=MASK)
    assert response.status == 200, response.json
    assert server.calls[0].path == f"/{version}/{slug}"


@pytest.mark.parametrize("slug", ["sdxl-inpaint", "flux-fill-pro"])
def test_upload_url_setting_uploads_images_before_edit(server, slug):
    settings = {"SEGMIND_UPLOAD_URL": f"{server.url}/upload-asset"}
    assert segmind_edit(server, slug, settings, mask=MASK).status == 200
    upload_call, edit_call = server.received[:2]
    assert upload_call.json()["data_urls"][0] == data_url(PHOTO)
    urls = [edit_call.json()[name] for name in ("image", "mask")]
    assert urls == [f"{server.result_host.url}/results/{i}" for i in range(2)]


def test_upload_that_loses_file_stops_before_edit(server):
    server.failure_responses = [
        json_response({"file_urls": ["https://images.segmind.com/assets/1.png"]})
    ]
    settings = {"SEGMIND_UPLOAD_URL": f"{server.url}/upload-asset"}
    assert segmind_edit(server, "flux-fill-pro", settings, mask=MASK).status == 502
    assert server.calls == []


def test_refused_edit_after_upload_is_not_billed(server):
    """The upload costs nothing, so an edit request that is refused after it is not billed."""
    url = f"{server.result_host.url}/results/0"
    server.failure_responses = [
        json_response({"file_urls": [url, url]}),
        json_response({"error": "bad mask"}, 400),
    ]
    settings = {"SEGMIND_UPLOAD_URL": f"{server.url}/upload-asset"}
    response = segmind_edit(server, "flux-fill-pro", settings, mask=MASK)
    assert (response.status, response.headers["x-retouch-billed"]) == (400, "no")


@pytest.mark.parametrize(
    ("status", "words", "expected"),
    [
        (422, "content flagged by safety filter", (400, "moderation_blocked")),
        (200, "content flagged by safety filter", (400, "moderation_blocked")),
        (422, "no GPU", (502, "provider_error")),
        (200, "no GPU", (502, "provider_error")),
    ],
)
def test_failed_task_has_unknown_billing_and_no_result_request(server, status, words, expected):
    server.final_response = json_response({"status": "FAILED", "error": words}, status)
    response = segmind_edit(server)
    assert (response.status, response.json["error"]["code"]) == expected
    assert response.json["error"]["message"] == words
    assert response.headers["x-retouch-billed"] == "unknown"
    assert len(server.received) == 2


@pytest.mark.parametrize("status", ["completed", "SUCCEEDED", "Finished", "no known word"])
def test_task_with_another_word_for_its_success_is_fetched(server, status):
    result = {"status": status, "output": b64(PHOTO)}
    server.final_response = json_response(result)
    response = segmind_edit(server)
    assert response.status == 200
    assert response.headers["x-retouch-billed"] == "yes"


@pytest.mark.parametrize("status", ["CANCELLED", "error", "Timed out"])
def test_task_with_another_word_for_its_failure_ends_the_edit(server, status):
    server.final_response = json_response({"status": status, "error": "no GPU"})
    response = segmind_edit(server)
    assert (response.status, response.json["error"]["message"]) == (502, "no GPU")
    assert len(server.received) == 2


def test_base64_result_in_json_is_returned(server):
    server.failure_responses = [
        json_response({"image": b64(PHOTO), "status": "Success", "infer_time": 3.1})
    ]
    assert (
        result_image(segmind_edit(server, "seg-beyond", left="16")).tobytes()
        == decode_image(PHOTO).tobytes()
    )


def test_task_whose_urls_are_on_another_host_is_polled_at_the_host_of_the_base_url(server):
    url = f"{server.result_host.url}/v2/requests/r_9"
    task = {"request_id": "r_9", "status_url": f"{url}/status", "response_url": url}
    done = {"status": "COMPLETED", "output": [server.result_url(PHOTO)]}
    server.failure_responses = [json_response(task), json_response(done)]
    response = segmind_edit(server)
    assert (response.status, response.headers["x-retouch-billed"]) == (200, "yes")
    assert [r.path for r in server.received[-2:]] == ["/v2/requests/r_9/status", "/v2/requests/r_9"]
    # The other host gets the download of the image alone, and no key.
    (download,) = server.result_host.received
    assert not download.path.startswith("/v2/requests/")
    assert server.key not in str(download.headers)


def rate_limit_error(**headers):
    return parse_error(ProviderResponse(429, headers, b'{"error": "Rate limit exceeded"}'))


def test_retry_after_is_reset_time_minus_response_date():
    assert rate_limit_error(**RATE_LIMIT_HEADERS).retry_after == 3.0
    assert (
        rate_limit_error(
            **{**RATE_LIMIT_HEADERS, "date": "Sun, 22 Nov 2026 00:31:09 GMT"}
        ).retry_after
        == 0.0
    )
    assert (
        rate_limit_error(
            **{**RATE_LIMIT_HEADERS, "x-rate-limit-reset-at-utc": "2026-11-22T00:31:00"}
        ).retry_after
        == 3.0
    )
    assert rate_limit_error(date=RATE_LIMIT_HEADERS["date"]).retry_after is None
    assert (
        rate_limit_error(**{n: v for n, v in RATE_LIMIT_HEADERS.items() if n != "date"}).retry_after
        is None
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"x-rate-limit-reset-at-utc": "soon"},
        {"date": "Sun, 22 Nov 99999 00:30:57 GMT"},
        {"date": "now"},
    ],
)
def test_time_of_reset_that_is_no_date_is_ignored(changes):
    error = rate_limit_error(**{**RATE_LIMIT_HEADERS, **changes})
    assert (error.kind, error.retry_after) == ("rate_limited", None)


def test_rate_limited_edit_is_retried_after_reset(server):
    server.successes_left = 0
    server.failure_responses = [
        json_response({"error": "Rate limit exceeded"}, 429, **RATE_LIMIT_HEADERS),
        json_response({}),
    ]
    segmind_edit(server)
    assert len(server.calls) == 2


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (422, "content flagged by safety filter", "moderated"),
        (400, "NSFW content detected", "moderated"),
        (500, "Blocked by moderation", "moderated"),
        (400, "safety_tolerance must be at most 6", ""),
        (400, "Invalid parameter disable_safety_checker", ""),
        (422, "CUDA out of memory", "failed"),
        (406, "Insufficient credits", "out_of_quota"),
        (406, "Monthly spend limit reached", "out_of_quota"),
        (406, "Unsupported content type", ""),
        (400, "colour balance must be a number", ""),
        (410, "gone", "no_such_model"),
    ],
)
def test_error_message_text_sets_error_kind(status, text, kind):
    error = parse_error(ProviderResponse(status, {}, json_response({"error": text}).body))
    assert error.kind == kind
    assert ("moderation_details" in error.details) is (kind == "moderated")
