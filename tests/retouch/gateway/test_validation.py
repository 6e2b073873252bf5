"""Tests that invalid input gets a 4xx error with value, rule and remedy, before any paid call."""

import pytest
from PIL import Image

from tests.support.events import json_event, proxy_event
from tests.support.gateway_client import file_part, post_edit, send_event
from tests.support.images import box_mask, cutout, data_url, encode_image, photo, scene

VALID_FIELDS = {"model": "gpt-image-2", "prompt": "p", "image": file_part(photo())}
ANIMATED_GIF = encode_image(scene(), "GIF", save_all=True, append_images=[scene(9, 9)])
OPAQUE_PNG = encode_image(Image.new("RGBA", (64, 64), (0, 0, 0, 255)))


def fields_without(name):
    return {key: value for key, value in VALID_FIELDS.items() if key != name}


INVALID_FIELDS = [
    ("no prompt", fields_without("prompt"), 400, "missing_required_parameter", "prompt"),
    ("blank prompt", {**VALID_FIELDS, "prompt": "  "}, 400, "missing_required_parameter", "prompt"),
    ("long prompt", {**VALID_FIELDS, "prompt": "x" * 32_001}, 400, "invalid_value", "prompt"),
    ("NUL in prompt", {**VALID_FIELDS, "prompt": "a\0b"}, 400, "invalid_text", "prompt"),
    ("no image", fields_without("image"), 400, "missing_required_parameter", "image"),
    ("empty image", {**VALID_FIELDS, "image": file_part(b"")}, 400, "empty_image_file", "image"),
    ("not an image", {**VALID_FIELDS, "image": file_part(b"%PDF-1.7")}, 400, "unsupported_image_format", "image"),
    ("animated gif", {**VALID_FIELDS, "image": file_part(ANIMATED_GIF)}, 400, "image_animated", "image"),
    ("cut image", {**VALID_FIELDS, "image": file_part(photo()[:-40])}, 400, None, "image"),
    ("mask size", {**VALID_FIELDS, "mask": file_part(box_mask(32, 32))}, 400, "mask_size_mismatch", "mask"),
    ("mask without alpha", {**VALID_FIELDS, "mask": file_part(photo())}, 400, "mask_without_alpha", "mask"),
    ("mask marks nothing", {**VALID_FIELDS, "mask": file_part(OPAQUE_PNG)}, 400, "mask_empty", "mask"),
    ("n zero", {**VALID_FIELDS, "n": "0"}, 400, "invalid_value", "n"),
    ("n eleven", {**VALID_FIELDS, "n": "11"}, 400, "invalid_value", "n"),
    ("n word", {**VALID_FIELDS, "n": "two"}, 400, "invalid_type", "n"),
    ("size", {**VALID_FIELDS, "size": "1000x1000"}, 400, "invalid_value", "size"),
    ("size small", {**VALID_FIELDS, "size": "256x256"}, 400, "invalid_value", "size"),
    ("size ratio", {**VALID_FIELDS, "size": "3840x640"}, 400, "invalid_value", "size"),
    ("quality", {**VALID_FIELDS, "quality": "xhigh"}, 400, "invalid_value", "quality"),
    ("background", {**VALID_FIELDS, "background": "blue"}, 400, "invalid_value", "background"),
    (
        "transparent jpeg",
        {**VALID_FIELDS, "background": "transparent", "output_format": "jpeg"},
        400,
        "invalid_value",
        "background",
    ),
    ("gif out", {**VALID_FIELDS, "output_format": "gif"}, 400, "invalid_value", "output_format"),
    (
        "compression range",
        {**VALID_FIELDS, "output_format": "jpeg", "output_compression": "101"},
        400,
        "invalid_value",
        "output_compression",
    ),
    ("compressed png", {**VALID_FIELDS, "output_compression": "50"}, 400, "invalid_value", "output_compression"),
    ("partials without stream", {**VALID_FIELDS, "partial_images": "2"}, 400, "invalid_value", "partial_images"),
    (
        "four partials",
        {**VALID_FIELDS, "stream": "true", "partial_images": "4"},
        400,
        "invalid_value",
        "partial_images",
    ),
    ("stream word", {**VALID_FIELDS, "stream": "maybe"}, 400, "invalid_type", "stream"),
    ("input_fidelity", {**VALID_FIELDS, "input_fidelity": "low"}, 400, "invalid_value", "input_fidelity"),
    ("unknown", {**VALID_FIELDS, "promt": "x"}, 400, "unknown_parameter", "promt"),
    ("response_format", {**VALID_FIELDS, "response_format": "hex"}, 400, "invalid_value", "response_format"),
    ("url without bucket", {**VALID_FIELDS, "response_format": "url"}, 400, "invalid_value", "response_format"),
    ("unknown model", {**VALID_FIELDS, "model": "gpt-image-99"}, 404, "model_not_found", "model"),
    ("model as path", {**VALID_FIELDS, "model": "../../etc"}, 400, "invalid_value", "model"),
    ("model as header", {**VALID_FIELDS, "model": "a\r\nx: y"}, 400, "invalid_value", "model"),
    ("two prompts", [*VALID_FIELDS.items(), ("prompt", "q")], 400, "duplicate_parameter", "prompt"),
    ("two masks", [*VALID_FIELDS.items(), *[("mask", file_part(box_mask()))] * 2], 400, "duplicate_parameter", "mask"),
    ("many images", [*VALID_FIELDS.items(), *[("image[]", file_part(photo()))] * 16], 400, "too_many_images", "image"),
    ("remote image", {**fields_without("image"), "image": "https://x.example/a.png"}, 400, "ssrf_blocked", "image"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [row[1:] for row in INVALID_FIELDS],
    ids=[row[0] for row in INVALID_FIELDS],
)
def test_invalid_field_is_rejected_before_provider_call(env, upstream, fields, status, code, param):
    response = post_edit(fields, env)
    error = response.json["error"]
    assert (response.status, error["param"]) == (status, param)
    assert code in (None, error["code"])
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert response.headers["x-retouch-billed"] == "no"
    assert upstream.received == []


@pytest.mark.parametrize(
    ("values", "code", "param"),
    [
        ({"images": []}, "missing_required_parameter", "image"),
        (
            {"images": [{"image_url": "https://x.example/a.png"}]},
            "ssrf_blocked",
            "images[0]",
        ),
        ({"images": [{"image_url": "data:image/png;base64,!!"}]}, "invalid_base64", "images[0]"),
        ({"images": [{"image_url": "ftp://x"}]}, "invalid_image_url", "images[0]"),
        ({"images": [{"file_id": "file-1"}]}, "invalid_upload_id", "images[0]"),
        ({"images": [7]}, "invalid_type", "images[0]"),
        ({"n": "2"}, "invalid_type", "n"),
        ({"n": True}, "invalid_type", "n"),
        ({"n": 1.5}, "invalid_type", "n"),
        ({"prompt": ["p"]}, "invalid_type", "prompt"),
        ({"stream": 1}, "invalid_type", "stream"),
        ({"quality": 3}, "invalid_type", "quality"),
    ],
)
def test_json_value_of_wrong_type_is_rejected(env, upstream, values, code, param):
    body = {"model": "gpt-image-2", "prompt": "p", "images": [{"image_url": data_url(photo())}]}
    response = send_event(json_event({**body, **values}), env)
    error = response.json["error"]
    assert (response.status, error["code"], error["param"]) == (400, code, param)
    assert upstream.received == []


@pytest.mark.parametrize(
    ("request_event", "status", "code"),
    [
        (proxy_event("application/json", b"{"), 400, "invalid_json"),
        (proxy_event("application/json", b"[]"), 400, "invalid_json"),
        (proxy_event("text/plain", b"hi"), 415, "unsupported_media_type"),
        (proxy_event("multipart/form-data; boundary=x"), 400, "empty_body"),
        (proxy_event(method="PUT"), 405, "method_not_allowed"),
        (proxy_event(path="/v1/images/generations"), 404, "not_found"),
        ({"source": "aws.events"}, 400, "missing_required_parameter"),
    ],
)
def test_request_that_is_no_edit_is_rejected(env, request_event, status, code):
    response = send_event(request_event, env)
    assert (response.status, response.json["error"]["code"]) == (status, code)
    assert response.headers["x-retouch-billed"] == "no"


def test_wrong_method_response_names_allowed_method(env):
    assert (
        send_event(proxy_event(method="DELETE", path="/v1/models"), env).headers["allow"]
        == "GET, HEAD"
    )


def test_error_message_names_value_and_allowed_values(env):
    response = post_edit({**VALID_FIELDS, "quality": "ultra"}, env)
    message = response.json["error"]["message"]
    assert "'ultra'" in message
    assert "auto, low, medium, high" in message


def test_error_message_suggests_similar_names(env):
    assert "'prompt'" in post_edit({**VALID_FIELDS, "promt": "x"}, env).json["error"]["message"]
    response = post_edit({**VALID_FIELDS, "model": "gpt-imge-2"}, env)
    assert "openai/gpt-image-2" in response.json["error"]["message"]


def test_missing_key_returns_401_naming_the_setting(upstream):
    response = post_edit(VALID_FIELDS, {"OPENAI_BASE_URL": upstream.url})
    assert response.status == 401
    assert "OPENAI_API_KEY" in response.json["error"]["message"]
    assert upstream.received == []


def test_unexpected_exception_returns_500_without_details(env, monkeypatch, capsys):
    def raise_error(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("retouch.gateway.validation.validate", raise_error)
    response = post_edit(VALID_FIELDS, env)
    assert response.status == 500
    assert "secret detail" not in str(response.json)
    assert "secret detail" in capsys.readouterr().out


@pytest.mark.parametrize("model", ["openai/gpt-image-2", "openai/dall-e-2", "local/erase"])
def test_unknown_parameter_error_lists_parameters_of_the_model_and_of_the_gateway(env, model):
    fields = {**VALID_FIELDS, "model": model, "image": file_part(cutout()), "zzz": "1"}
    message = post_edit(fields, env).json["error"]["message"]
    assert f"{model.partition('/')[2]} takes " in message
    for name in ("image", "mask", "prompt", "preserve", "fit", "dry_run", "mask_mode", "quality"):
        assert f" {name}," in message or f" {name}." in message


@pytest.mark.parametrize("value", [True, "true", "True", "1"])
def test_preserve_in_json_may_be_text(env, upstream, value):
    body = {"model": "gpt-image-2", "prompt": "p", "images": [data_url(cutout())]}
    response = send_event(json_event({**body, "preserve": value}), env)
    assert response.status == 200
    assert "x-retouch-preserved-pixels" in response.headers


def test_local_model_needs_no_prompt(env):
    fields = {"model": "local/erase", "image": file_part(cutout())}
    assert post_edit(fields, env).status == 200
