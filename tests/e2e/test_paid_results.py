"""Tests of results that were paid for: the caller gets them, whatever hangs, breaks or is late after the purchase."""

import base64
import json
from contextlib import contextmanager

import pytest
import requests
from PIL import Image

from devserver.server import DevServer
from devserver.settings import Timeouts
from tests.support.images import b64, data_url, decode_image, encode_image, photo
from tests.support.unusual_results import (
    CONVERTED_FORMATS,
    animation,
    noise_image,
    png_with_missing_lines,
    png_with_wrong_checksum,
)
from tests.support.upstream import ScriptedResponse, Upstream, json_response, sse_response

MODEL = "openai/gpt-image-2"
IMAGE = photo()
CENTER = {"type": "box", "x": 20, "y": 20, "width": 20, "height": 20}


def image_response(*images, delay=0.0):
    response = json_response({"created": 1, "data": [{"b64_json": b64(data)} for data in images]})
    response.delay = delay
    return response


@pytest.fixture
def hanging_server():
    """Return a server that accepts every request and never responds."""
    with Upstream(ScriptedResponse(network_failure="hang")) as server:
        yield server


@contextmanager
def running_gateway(response, *, s3=False, seconds=900.0, **env):
    """Start a gateway whose provider sends the response. The function may take that many seconds."""
    with Upstream(response) as provider:
        all_env = {
            "RETOUCH_AUTH_MODE": "open",
            "OPENAI_API_KEY": "sk",
            "OPENAI_BASE_URL": provider.url,
            **env,
        }
        with DevServer(env=all_env, s3=s3, timeouts=Timeouts(function=seconds)) as gateway:
            yield gateway


def post_edit(gateway, config=None, image=IMAGE, **fields):
    files = {"image": ("a.png", image)}
    headers = {"x-portkey-config": json.dumps(config)} if config else {}
    data = {"model": MODEL, "prompt": "p", **fields}
    url = f"{gateway.url}/v1/images/edits"
    return requests.post(url, data=data, files=files, headers=headers, timeout=120)


def bucket_env(server):
    return {
        "RETOUCH_BUCKET": "b",
        "AWS_ENDPOINT_URL_S3": server.url,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def delivered_images(response):
    assert response.status_code == 200, response.text[:300]
    assert response.headers["x-retouch-billed"] == "yes"
    entries = response.json()["data"]
    return [
        requests.get(entry["url"], timeout=30).content
        if "url" in entry
        else base64.b64decode(entry["b64_json"])
        for entry in entries
    ]


def test_link_is_replaced_by_base64_when_the_bucket_hangs(hanging_server):
    with running_gateway(
        image_response(IMAGE), seconds=60, **bucket_env(hanging_server)
    ) as gateway:
        response = post_edit(gateway, response_format="url")
    assert delivered_images(response) == [IMAGE]
    assert "the bucket did not take the result" in response.headers["x-retouch-notes"]


def test_cache_that_hangs_both_ways_loses_no_result(hanging_server):
    config = {"cache": {"mode": "simple"}, "provider": "openai"}
    with running_gateway(
        image_response(IMAGE), seconds=40, **bucket_env(hanging_server)
    ) as gateway:
        response = post_edit(gateway, config)
    assert delivered_images(response) == [IMAGE]
    assert response.headers["x-portkey-cache-status"] == "MISS"


def test_observing_webhook_that_hangs_loses_no_result(hanging_server):
    check = {"webhookURL": f"{hanging_server.url}/hook", "timeout": 10_000}
    hook = {"default.webhook": check, "id": "watch", "async": True}
    allowed = hanging_server.url.removeprefix("http://")
    response = image_response(IMAGE, delay=1)
    with running_gateway(response, seconds=9, RETOUCH_FETCH_ALLOW=allowed) as gateway:
        assert delivered_images(post_edit(gateway, {"output_guardrails": [hook]})) == [IMAGE]


@pytest.mark.parametrize("fields", [{}, {"response_format": "url"}])
@pytest.mark.parametrize("hooked", [False, True])
def test_damaged_image_takes_no_readable_one(fields, hooked):
    hook = {"retouch.output": {"formats": ["png"]}, "id": "format"}
    config = {"output_guardrails": [hook]} if hooked else None
    results = image_response(IMAGE, png_with_wrong_checksum())
    with running_gateway(results, s3=True) as gateway:
        response = post_edit(gateway, config, n="2", **fields)
        images = delivered_images(response)
    assert images[0] == IMAGE
    if fields or hooked:  # otherwise no stage opens the images
        assert len(images) == 1
        assert "n: 1 of 2 images cannot be read" in response.headers["x-retouch-notes"]


def test_result_that_a_hook_cannot_decode_is_the_providers_fault():
    hook = {"retouch.output": {"notBlank": True}, "id": "blank"}
    with running_gateway(image_response(png_with_missing_lines())) as gateway:
        response = post_edit(gateway, {"output_guardrails": [hook]})
    assert response.status_code == 502
    assert response.headers["x-retouch-billed"] == "unknown"
    assert response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("fields", [{"mask": json.dumps({"shapes": [CENTER]})}, {}])
@pytest.mark.parametrize("response_format", ["b64_json", "url"])
def test_damaged_image_is_delivered_with_a_note_when_there_is_no_other(fields, response_format):
    result = png_with_wrong_checksum()
    with running_gateway(image_response(result), s3=True) as gateway:
        response = post_edit(gateway, response_format=response_format, **fields)
        assert delivered_images(response) == [result]
    notes = response.headers.get("x-retouch-notes", "")
    if fields or response_format == "url":  # otherwise no stage opens the image
        assert "image_damaged" in notes
    if fields:
        assert response.headers["x-retouch-preserved-pixels"] == "0"


def test_error_about_a_damaged_image_names_the_model_and_is_billed_when_usage_is_reported():
    usage = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
    document = {"data": [{"b64_json": b64(png_with_missing_lines())}], "usage": usage}
    hook = {"retouch.output": {"notBlank": True}, "id": "blank"}
    with running_gateway(json_response(document)) as gateway:
        response = post_edit(gateway, {"output_guardrails": [hook]})
    assert (response.status_code, response.headers["x-retouch-billed"]) == (502, "yes")
    message = response.json()["error"]["message"]
    assert "gpt-image-2" in message
    assert "Use another model" in message


def test_response_without_an_image_is_billed_when_usage_is_reported():
    usage = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
    with running_gateway(json_response({"data": [], "usage": usage})) as gateway:
        response = post_edit(gateway)
    assert (response.status_code, response.headers["x-retouch-billed"]) == (502, "yes")
    assert response.json()["error"]["code"] == "no_image_returned"


@pytest.mark.parametrize("format", CONVERTED_FORMATS)
@pytest.mark.parametrize("response_format", ["b64_json", "url"])
def test_result_in_another_format_is_delivered_as_a_common_one(format, response_format):
    result = encode_image(Image.linear_gradient("L").convert("RGB"), format)
    with running_gateway(image_response(result), s3=True) as gateway:
        response = post_edit(gateway, response_format=response_format)
        (image,) = delivered_images(response)
    assert (decode_image(image).format, decode_image(image).size) == ("PNG", (256, 256))
    assert response.json()["output_format"] == "png"


def test_animated_result_is_linked_as_its_first_frame():
    with running_gateway(image_response(animation("WEBP")), s3=True) as gateway:
        response = post_edit(gateway, response_format="url")
        (image,) = delivered_images(response)
    assert decode_image(image).n_frames == 1  # type: ignore[attr-defined]
    assert "first frame" in response.headers["x-retouch-notes"]


def test_damaged_preview_does_not_end_a_stream():
    events = sse_response(
        {
            "type": "image_edit.partial_image",
            "b64_json": b64(IMAGE[:200]),
            "partial_image_index": 0,
        },
        {"type": "image_edit.completed", "b64_json": b64(IMAGE)},
    )
    fields = {"stream": "true", "partial_images": "1", "output_format": "webp"}
    with running_gateway(events) as gateway:
        response = post_edit(gateway, mask=json.dumps({"shapes": [CENTER]}), **fields)
    assert "event: image_edit.completed" in response.text
    assert "event: error" not in response.text


def test_direct_invoke_without_bucket_returns_a_large_result():
    result = encode_image(noise_image(1300, 1300), compress_level=0)
    event = {"model": MODEL, "prompt": "p", "images": [data_url(IMAGE)]}
    with running_gateway(image_response(result)) as gateway:
        response = gateway.invoke("edits", event)
    assert (response["retouch"]["status"], response["retouch"]["billed"]) == (200, "yes")
    image = decode_image(base64.b64decode(response["data"][0]["b64_json"]))
    assert (image.format, image.size) == ("JPEG", (1300, 1300))
    assert "with loss" in response["retouch"]["notes"]


@pytest.mark.slow
def test_large_masked_edit_is_delivered_although_its_pixels_take_too_long():
    original = encode_image(Image.linear_gradient("L").resize((6000, 4000)), "JPEG")
    shapes = json.dumps(
        {"shapes": [{"type": "box", "x": 9, "y": 9, "width": 5900, "height": 3900}]}
    )
    result = photo(1536, 1024, "JPEG")
    # The function ends long after the deadline, so that only the deadline decides, on a machine of any speed.
    env = {"RETOUCH_DEADLINE_MARGIN": "100"}
    provider = image_response(*[result] * 4, delay=8)
    with running_gateway(provider, seconds=130, **env) as gateway:
        response = post_edit(gateway, image=original, mask=shapes, n="4", preserve="true")
    assert len(delivered_images(response)) == 4
    is_restored = response.headers["x-retouch-preserved-pixels"] != "0"
    assert is_restored or "unchanged from the provider" in response.headers["x-retouch-notes"]
