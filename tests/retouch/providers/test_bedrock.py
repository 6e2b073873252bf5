"""Tests of the AWS Bedrock adapter: colons in paths, failures with a success status, quotas and retired models."""

import base64
import json

import pytest

from retouch.core.errors import InvalidRequest
from retouch.providers.bedrock import PROVIDER, resolve_base_url
from tests.contract.standin import MAGENTA
from tests.contract.standins.bedrock import MODELS, BedrockStandIn, error_response
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import box_mask, cutout, decode_image, photo, scene
from tests.support.services import build_services

IMAGE = file_part(photo(96, 96))
MASK = file_part(box_mask(96, 96))
CUTOUT = file_part(cutout(96, 96))
INPAINT = "us.stability.stable-image-inpaint-v1:0"


@pytest.fixture
def server():
    with BedrockStandIn() as server:
        yield server


def bedrock_edit(server, fields, model="edit"):
    services = build_services(server.env(), providers=(PROVIDER,))
    return post_edit({"model": f"bedrock/{model}", "image": IMAGE, **fields}, services=services)


def sent_text_fields(call):
    """Return the request body without its images."""
    file_fields = ("image", "mask", "init_image", "style_image")
    return {name: value for name, value in call.json().items() if name not in file_fields}


@pytest.mark.parametrize(
    ("fields", "operation", "sent"),
    [
        ({"prompt": "p", "mask": MASK}, "inpaint", {"prompt": "p"}),
        ({"prompt": "p", "image": CUTOUT}, "inpaint", {"prompt": "p"}),
        ({"mask": MASK, "grow_mask": "0"}, "erase", {"grow_mask": 0}),
        ({"left": "10", "up": "3"}, "outpaint", {"left": 10, "up": 3}),
        ({"prompt": "p", "search_prompt": "cat"}, "search-and-replace", {"prompt": "p", "search_prompt": "cat"}),
        ({"prompt": "p", "select_prompt": "hat"}, "search-and-recolor", {"prompt": "p", "select_prompt": "hat"}),
        ({"background": "transparent"}, "remove-background", {}),
        (
            {"prompt": "p", "user": "u"},
            "image-to-image",
            {"prompt": "p", "mode": "image-to-image", "strength": 0.7},
        ),
        (
            {"prompt": "p", "strength": "0.2"},
            "image-to-image",
            {"prompt": "p", "mode": "image-to-image", "strength": 0.2},
        ),
    ],
)  # fmt: skip
def test_edit_model_chooses_operation_from_request(server, fields, operation, sent):
    response = bedrock_edit(server, fields)
    assert response.status == 200, response.json
    (call,) = server.calls
    profile = next(name for name, does in MODELS.items() if does == operation)
    assert call.path == f"/model/{profile.replace(':', '%3A')}/invoke"
    assert sent_text_fields(call) == sent
    assert response.headers["x-retouch-operation"] == operation


def test_inpaint_request_matches_documented_example(server):
    prompt = {"prompt": "a green velvet armchair", "mask": MASK}
    bedrock_edit(server, {**prompt, "seed": "41", "grow_mask": "5", "output_format": "png"})
    (call,) = server.calls
    assert (call.method, call.path) == (
        "POST",
        "/model/us.stability.stable-image-inpaint-v1%3A0/invoke",
    )
    assert call.headers["authorization"] == f"Bearer {server.key}"
    assert (call.headers["content-type"], call.headers["accept"]) == ("application/json",) * 2
    body = call.json()
    image, mask = (decode_image(base64.b64decode(body.pop(name))) for name in ("image", "mask"))
    assert (image.size, image.mode, mask.size, mask.mode) == ((96, 96), "RGB", (96, 96), "L")
    assert body == {
        "prompt": "a green velvet armchair",
        "seed": 41,
        "grow_mask": 5,
        "output_format": "png",
    }


@pytest.mark.parametrize("profile", MODELS)
def test_inference_profile_id_finds_its_model(profile):
    model = PROVIDER.find_model(profile)
    assert model is not None
    assert (model.upstream_name, model.operation) == (profile, MODELS[profile])


def test_request_naming_inference_profile_runs_its_operation(server):
    response = bedrock_edit(server, {"prompt": "p", "mask": MASK}, INPAINT)
    assert response.status == 200
    assert response.headers["x-retouch-model"] == "bedrock/inpaint"
    assert server.calls[0].path.count("inpaint") == 1


def test_style_transfer_sends_second_image_as_style(server):
    services = build_services(server.env(), providers=(PROVIDER,))
    parts = [("model", "bedrock/style-transfer"), ("image[]", IMAGE), ("image[]", CUTOUT)]
    assert post_edit(parts, services=services).status == 200
    assert server.calls[0].json().keys() == {"init_image", "style_image"}


def test_mask_is_sent_with_white_where_edited(server):
    response = bedrock_edit(server, {"prompt": "p", "mask": MASK, "preserve": "false"})
    result = decode_image(base64.b64decode(response.json["data"][0]["b64_json"]))
    assert result.getpixel((48, 48)) == MAGENTA
    assert result.getpixel((2, 2)) == scene(96, 96).getpixel((2, 2))


@pytest.mark.parametrize(
    ("edges", "wanted", "sent_format"),
    [
        ({"left": "10"}, {}, None),
        ({"left": "2000", "right": "2000", "down": "2000"}, {}, "webp"),
        ({"left": "2000", "right": "2000", "down": "2000"}, {"output_format": "png"}, "png"),
    ],
)
def test_outpaint_to_large_canvas_defaults_to_webp(server, edges, wanted, sent_format):
    assert bedrock_edit(server, {**edges, **wanted}).status == 200
    assert server.calls[0].json().get("output_format") == sent_format


@pytest.mark.parametrize(("edge", "sent_format"), [(2000, None), (2001, "webp")])
def test_inpaint_of_large_image_defaults_to_webp(server, edge, sent_format):
    """A PNG of the result might exceed the limit of a response: it would be paid for and lost."""
    shape = {"type": "box", "x": 9, "y": 9, "width": 90, "height": 90}
    fields = {
        "prompt": "p",
        "image": file_part(photo(edge, 2000)),
        "mask": json.dumps({"shapes": [shape]}),
    }
    assert bedrock_edit(server, fields).status == 200
    assert server.calls[0].json().get("output_format") == sent_format


@pytest.mark.parametrize(
    ("failure", "stage"),
    [
        ("moderated_1_prompt", "input"),
        ("moderated_2_input", "input"),
        ("moderated_3_output", "output"),
    ],
)
def test_filter_reason_in_success_becomes_moderation_blocked(server, failure, stage):
    server.fail_with(server.failures()[failure])
    response = bedrock_edit(server, {"prompt": "p"})
    error = response.json["error"]
    assert (response.status, error["code"]) == (400, "moderation_blocked")
    assert error["moderation_details"]["moderation_stage"] == stage
    assert response.headers["x-retouch-billed"] == "unknown"


def test_inference_error_in_success_becomes_provider_error(server):
    server.fail_with(server.failures()["inference"])
    response = bedrock_edit(server, {"prompt": "p"})
    assert (response.status, response.json["error"]["code"]) == (502, "provider_error")
    assert "Inference error" in response.json["error"]["message"]


@pytest.mark.parametrize(
    ("failure", "message_start"),
    [
        ("retired", "AWS has retired the model. This model version has reached the end"),
        ("retired_unused", "AWS has retired the model. Access denied."),
        ("not_enabled", "You don't have access to the model"),
    ],
)
def test_error_message_tells_retired_from_not_enabled(server, failure, message_start):
    server.fail_with(server.failures()[failure])
    assert bedrock_edit(server, {"prompt": "p"}).json["error"]["message"].startswith(message_start)


def test_exhausted_quota_returns_429_without_retry(server):
    server.fail_with(server.failures()["quota"])
    response = bedrock_edit(server, {"prompt": "p"})
    assert (response.status, response.json["error"]["code"]) == (429, "insufficient_quota")
    assert response.headers["x-should-retry"] == "false"


def test_forbidden_error_hides_role_arn(server):
    server.fail_with(server.failures()["forbidden"])
    response = bedrock_edit(server, {"prompt": "p"})
    assert response.status == 500
    assert "arn:" not in str(response.json)


def test_model_not_ready_is_retried_twice_then_returns_502(server):
    warming = error_response(429, "ModelNotReadyException", "The model is not ready.")
    server.failure_responses = [warming, warming]
    server.fail_with(server.failures()["not_ready"])
    response = bedrock_edit(server, {"prompt": "p"})
    assert (response.status, len(server.calls)) == (502, 3)


def test_rate_limited_request_is_not_retried(server):
    server.fail_with(server.failures()["rate_limited"])
    assert bedrock_edit(server, {"prompt": "p"}).status == 429
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "https://bedrock-runtime.us-west-2.amazonaws.com"),
        ({"region": "us-east-1"}, "https://bedrock-runtime.us-east-1.amazonaws.com"),
    ],
)
def test_base_url_contains_region(options, url):
    assert resolve_base_url(options) == url


@pytest.mark.parametrize(
    "region", ["x@127.0.0.1", "us-west-2.evil.example/", "127.0.0.1:1/#", "-a"]
)
def test_region_that_is_no_plain_label_is_refused(region):
    with pytest.raises(InvalidRequest, match="region like us-west-2") as refused:
        resolve_base_url({"region": region})
    assert refused.value.param == "x-portkey-aws-region"


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        (
            {"quality": "standard", "mask": MASK, "prompt": "p"},
            "quality: inpaint has no such parameter",
        ),
        ({"quality": "premium", "prompt": "p"}, "quality: image-to-image has no such parameter"),
        ({"seed": "3", "negative_prompt": "n", "mask": MASK, "prompt": "p"}, ""),
        ({"left": "9"}, "operation: outpaint"),
    ],
)
def test_retired_model_request_is_served_by_successor_with_note(server, fields, note):
    response = bedrock_edit(server, fields, "amazon.nova-canvas-v1:0")
    assert response.status == 200, response.json
    assert note in response.headers["x-retouch-notes"]
    sent = sent_text_fields(server.calls[0])
    assert sent.keys() >= fields.keys() - {"mask", "quality"}


@pytest.mark.parametrize(
    ("field", "value"), [("n", "6"), ("quality", "high"), ("seed", "2147483647")]
)
def test_retired_model_value_over_limit_is_refused_before_any_call(server, field, value):
    fields = {"prompt": "p", "mask": MASK, field: value}
    response = bedrock_edit(server, fields, "amazon.nova-canvas-v1:0")
    assert (response.status, response.json["error"]["param"]) == (400, field)
    assert server.calls == []


def test_request_limit_of_each_model_fits_into_body_limit():
    for model in PROVIDER.models:
        base64_bytes = model.max_request_bytes * 4 / 3
        assert base64_bytes + 3 * 4 * model.max_prompt_chars < 25_000_000
