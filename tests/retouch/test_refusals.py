"""Bad input gets a clear 4xx naming the value, the rule and the remedy, and nobody pays."""

import pytest
from PIL import Image

from tests.support.door import edit, knock, png
from tests.support.events import event, json_event
from tests.support.pictures import data_url, encoded, hole, photo, scene

GOOD = {"model": "gpt-image-2", "prompt": "p", "image": png(photo())}
OPAQUE = encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 255)))


def without(name):
    return {key: value for key, value in GOOD.items() if key != name}


REFUSALS = [
    ("no prompt", without("prompt"), 400, "missing_required_parameter", "prompt"),
    ("blank prompt", {**GOOD, "prompt": "  "}, 400, "missing_required_parameter", "prompt"),
    ("long prompt", {**GOOD, "prompt": "x" * 32_001}, 400, "invalid_value", "prompt"),
    ("NUL in prompt", {**GOOD, "prompt": "a\0b"}, 400, "invalid_text", "prompt"),
    ("no image", without("image"), 400, "missing_required_parameter", "image"),
    ("empty image", {**GOOD, "image": png(b"")}, 400, "empty_image_file", "image"),
    ("not an image", {**GOOD, "image": png(b"%PDF-1.7")}, 400, "unsupported_image_format", "image"),
    ("gif", {**GOOD, "image": png(encoded(scene(), "GIF"))}, 400, "unsupported_image_format", "image"),
    ("cut image", {**GOOD, "image": png(photo()[:-40])}, 400, None, "image"),
    ("mask size", {**GOOD, "mask": png(hole(32, 32))}, 400, "mask_size_mismatch", "mask"),
    ("mask without alpha", {**GOOD, "mask": png(photo())}, 400, "mask_without_alpha", "mask"),
    ("mask marks nothing", {**GOOD, "mask": png(OPAQUE)}, 400, "mask_empty", "mask"),
    ("n zero", {**GOOD, "n": "0"}, 400, "invalid_value", "n"),
    ("n eleven", {**GOOD, "n": "11"}, 400, "invalid_value", "n"),
    ("n word", {**GOOD, "n": "two"}, 400, "invalid_type", "n"),
    ("size", {**GOOD, "size": "1000x1000"}, 400, "invalid_value", "size"),
    ("size small", {**GOOD, "size": "256x256"}, 400, "invalid_value", "size"),
    ("size ratio", {**GOOD, "size": "3840x640"}, 400, "invalid_value", "size"),
    ("quality", {**GOOD, "quality": "xhigh"}, 400, "invalid_value", "quality"),
    ("background", {**GOOD, "background": "blue"}, 400, "invalid_value", "background"),
    (
        "transparent jpeg",
        {**GOOD, "background": "transparent", "output_format": "jpeg"},
        400,
        "invalid_value",
        "background",
    ),
    ("gif out", {**GOOD, "output_format": "gif"}, 400, "invalid_value", "output_format"),
    (
        "compression range",
        {**GOOD, "output_format": "jpeg", "output_compression": "101"},
        400,
        "invalid_value",
        "output_compression",
    ),
    ("compressed png", {**GOOD, "output_compression": "50"}, 400, "invalid_value", "output_compression"),
    ("partials without stream", {**GOOD, "partial_images": "2"}, 400, "invalid_value", "partial_images"),
    ("four partials", {**GOOD, "stream": "true", "partial_images": "4"}, 400, "invalid_value", "partial_images"),
    ("stream word", {**GOOD, "stream": "yes"}, 400, "invalid_type", "stream"),
    ("input_fidelity", {**GOOD, "input_fidelity": "low"}, 400, "invalid_value", "input_fidelity"),
    ("unknown", {**GOOD, "promt": "x"}, 400, "unknown_parameter", "promt"),
    ("response_format", {**GOOD, "response_format": "hex"}, 400, "invalid_value", "response_format"),
    ("url without bucket", {**GOOD, "response_format": "url"}, 400, "invalid_value", "response_format"),
    ("unknown model", {**GOOD, "model": "gpt-image-99"}, 404, "model_not_found", "model"),
    ("model as path", {**GOOD, "model": "../../etc"}, 400, "invalid_value", "model"),
    ("model as header", {**GOOD, "model": "a\r\nx: y"}, 400, "invalid_value", "model"),
    ("two prompts", [*GOOD.items(), ("prompt", "q")], 400, "duplicate_parameter", "prompt"),
    ("two masks", [*GOOD.items(), ("mask", png(hole())), ("mask", png(hole()))], 400, "duplicate_parameter", "mask"),
    ("many images", [*GOOD.items(), *[("image[]", png(photo()))] * 16], 400, "too_many_images", "image"),
    ("remote image", {**without("image"), "image": "https://x.example/a.png"}, 400, "ssrf_blocked", "image"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [row[1:] for row in REFUSALS],
    ids=[row[0] for row in REFUSALS],
)
def test_refused_before_paying(env, upstream, fields, status, code, param):
    answer = edit(fields, env)
    error = answer.json["error"]
    assert (answer.status, error["param"]) == (status, param)
    assert code in (None, error["code"])
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert answer.headers["x-retouch-billed"] == "no"
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
        ({"stream": "true"}, "invalid_type", "stream"),
        ({"quality": 3}, "invalid_type", "quality"),
    ],
)
def test_json_values_are_typed(env, upstream, values, code, param):
    body = {"model": "gpt-image-2", "prompt": "p", "images": [{"image_url": data_url(photo())}]}
    answer = knock(json_event({**body, **values}), env)
    error = answer.json["error"]
    assert (answer.status, error["code"], error["param"]) == (400, code, param)
    assert upstream.received == []


@pytest.mark.parametrize(
    ("request_event", "status", "code"),
    [
        (event("application/json", b"{"), 400, "invalid_json"),
        (event("application/json", b"[]"), 400, "invalid_json"),
        (event("text/plain", b"hi"), 415, "unsupported_media_type"),
        (event("multipart/form-data; boundary=x"), 400, "empty_body"),
        (event(method="GET"), 405, "method_not_allowed"),
        (event(path="/v1/images/generations"), 404, "not_found"),
        ({"source": "aws.events"}, 400, "invalid_value"),
    ],
)
def test_requests_that_are_no_edits(env, request_event, status, code):
    answer = knock(request_event, env)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert answer.headers["x-retouch-billed"] == "no"


def test_a_wrong_method_is_told_the_right_one(env):
    assert knock(event(method="DELETE", path="/v1/models"), env).headers["allow"] == "GET"


def test_message_names_value_rule_and_remedy(env):
    answer = edit({**GOOD, "quality": "ultra"}, env)
    message = answer.json["error"]["message"]
    assert "'ultra'" in message
    assert "auto, low, medium, high" in message


def test_close_names_are_suggested(env):
    assert "'prompt'" in edit({**GOOD, "promt": "x"}, env).json["error"]["message"]
    answer = edit({**GOOD, "model": "gpt-imge-2"}, env)
    assert "openai/gpt-image-2" in answer.json["error"]["message"]


def test_without_any_key_the_remedy_is_named(upstream):
    answer = edit(GOOD, {"OPENAI_BASE_URL": upstream.url})
    assert answer.status == 401
    assert "OPENAI_API_KEY" in answer.json["error"]["message"]
    assert upstream.received == []


def test_an_unexpected_exception_is_one_bland_sentence(env, monkeypatch, capsys):
    def explode(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("retouch.gateway.validate", explode)
    answer = edit(GOOD, env)
    assert answer.status == 500
    assert "secret detail" not in str(answer.json)
    assert "secret detail" in capsys.readouterr().out
