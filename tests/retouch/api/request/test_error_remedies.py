"""Tests that the message of a refused request names the value, the rule and the remedy."""

import pytest

from tests.support.events import json_event, proxy_event
from tests.support.gateway_client import file_part, post_edit, send_event
from tests.support.images import encode_image, photo, scene

IMAGE = {"image": file_part(photo())}
JPEG = file_part(encode_image(scene(64, 64), "JPEG"), "a.jpg", "image/jpeg")
KEY = {"OPENAI_API_KEY": "sk"}


def message_of(response, status, code):
    error = response.json["error"]
    assert (response.status, error["code"]) == (status, code)
    return error["message"]


def test_json_body_without_an_image_gets_advice_for_json():
    message = message_of(send_event(json_event({})), 400, "missing_required_parameter")
    assert '"images": [{"image_url":' in message


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"[1]", "a list"), (b'"a"', "a string"), (b"1", "a number"), (b"true", "a boolean"), (b"null", "null")],
)  # fmt: skip
def test_json_body_that_is_no_object_is_named_with_the_remedy(body, kind):
    message = message_of(send_event(proxy_event("application/json", body)), 400, "invalid_json")
    assert f"it is {kind}. Send {{" in message


@pytest.mark.parametrize(
    ("content_type", "has_hint"),
    [("application/x-www-form-urlencoded", True), ("text/plain", False)],
)
def test_content_type_of_curl_data_gets_the_option_for_forms(content_type, has_hint):
    response = send_event(proxy_event(content_type, b"prompt=p"))
    message = response.json["error"]["message"]
    assert response.status == 415
    assert content_type in message
    assert ("use -F instead of -d" in message) is has_hint


@pytest.mark.parametrize("url", ["https://127.0.0.1/a.png?token=t1", "http://intranet.local/a.png"])
def test_blocked_address_is_named_by_its_host_with_the_remedy(url):
    response = send_event(json_event({"prompt": "p", "images": [{"image_url": url}]}))
    message = message_of(response, 400, "ssrf_blocked")
    assert f"(host '{url.split('/')[2]}')" in message
    assert "Send the file itself" in message
    assert "t1" not in message


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("foo/bar", "Send PROVIDER/MODEL with one of these providers: "),
        ("openai", "It is a provider: send PROVIDER/MODEL, such as openai/"),
        ("azure-openai", "It is a provider: send PROVIDER/MODEL, such as azure-openai/"),
        ("gpt-image-22", "Did you mean openai/gpt-image-2"),
    ],
)
def test_unknown_model_gets_the_form_of_an_id(model, hint):
    response = post_edit({"model": model, "prompt": "p", **IMAGE}, KEY)
    assert hint in message_of(response, 404, "model_not_found")


def test_rule_for_sizes_is_in_words():
    response = post_edit({"model": "gpt-image-2", "prompt": "p", "size": "1x1", **IMAGE}, KEY)
    message = response.json["error"]["message"]
    assert "each edge a multiple of 16 and from 1 to 3840 pixels" in message
    assert "the longer edge at most 3 times the shorter one" in message


@pytest.mark.parametrize("count", [2, 17], ids=["of the model", "of every model"])
def test_too_many_images_are_refused_with_the_remedy(count):
    images = [("image[]", file_part(photo()))] * count
    response = post_edit([("model", "local/erase"), *images], {})
    assert message_of(response, 400, "too_many_images").endswith("Send fewer.")


def test_retired_model_that_takes_no_jpeg_names_its_successor():
    response = post_edit({"model": "dall-e-2", "prompt": "p", "image": JPEG}, KEY)
    message = message_of(response, 400, "unsupported_image_format")
    assert "Convert it first, or send its successor as the model: gpt-image" in message
