"""Tests of edits with Reka: the request, the plan, the result, sizes and masks."""

import json

import pytest
from PIL import Image, ImageChops
from reka.client import Reka

from retouch.providers._shared.planner.prompt import system_prompt
from retouch.providers.reka_ai import PROVIDER
from tests.contract.standin import MAGENTA
from tests.support import gateway_client
from tests.support.images import box_mask, decode_image, encode_image, max_value, photo, scene
from tests.support.reka_ai import (
    GREYSCALE_PLAN,
    INVALID_PLAN,
    reka_edit,
    result_image,
    revised_prompt,
)
from tests.support.services import build_services
from tests.support.upstream import json_response


def test_valid_plan_is_applied_and_described(server):
    server.planner_replies = [
        '{"steps": [{"op": "crop", "region": {"right": 0.5}}, {"op": "greyscale"}]}'
    ]
    response = reka_edit(server)
    expected = scene(96, 64).crop((0, 0, 48, 64)).convert("L").convert("RGB")
    assert ImageChops.difference(result_image(response), expected).getbbox() is None
    assert (
        revised_prompt(response) == "Crop to the left half, then make the whole picture greyscale."
    )
    assert response.json["size"] == "48x64"
    assert response.json["background"] == "opaque"
    usage = response.json["usage"]
    assert usage == {"input_tokens": 1310, "output_tokens": 60, "total_tokens": 1370}
    assert response.headers["x-retouch-billed"] == "yes"


def test_chat_request_has_reka_format(server):
    reka_edit(server, prompt="black and white")
    (call,) = server.calls
    body = call.json()
    assert call.path == "/v1/chat"
    assert call.headers["x-api-key"] == server.key
    assert "authorization" not in call.headers
    assert body["model"] == "reka-flash"
    assert body["temperature"] == 0
    system, user = body["messages"]
    assert system == {"role": "system", "content": system_prompt(False)}
    media, text = user["content"]
    assert media["image_url"].startswith("data:image/jpeg;base64,/9j/")
    assert text["text"] == "The picture has 96x64 pixels.\n\nInstruction:\nblack and white"


def test_gateway_request_equals_official_sdk_request(server):
    """The SDK reka-api gets our messages in its own types and must send the same JSON as the gateway."""
    server.planner_replies = [INVALID_PLAN, GREYSCALE_PLAN]
    reka_edit(server)
    gateway_bodies = [call.json() for call in server.calls]
    client = Reka(api_key=server.key, base_url=f"{server.url}/v1")
    for body in gateway_bodies:
        arguments = {n: body[n] for n in ("messages", "model", "max_tokens", "temperature")}
        response = client.chat.create(**arguments)
        assert response.responses[0].message.content
        assert response.usage.input_tokens == 1310
    sdk_calls = server.calls[len(gateway_bodies) :]
    assert [call.json() for call in sdk_calls] == gateway_bodies
    assert [(c.method, c.path, c.headers["x-api-key"]) for c in sdk_calls] == [
        (c.method, c.path, c.headers["x-api-key"]) for c in server.calls[: len(gateway_bodies)]
    ]


def test_large_image_is_sent_as_small_copy_and_edited_at_full_size(server):
    large = scene(1600, 800)
    server.planner_replies = ['{"steps": [{"op": "crop", "region": {"right": "1599px"}}]}']
    response = reka_edit(server, encode_image(large))
    copy = decode_image(server.parse_request(server.calls[0]).images[0])
    assert (copy.size, copy.format) == ((1568, 784), "JPEG")
    assert result_image(response).tobytes() == large.crop((0, 0, 1599, 800)).tobytes()
    assert (
        "The picture has 1600x800 pixels." in server.parse_request(server.calls[0]).fields["prompt"]
    )


def test_image_over_size_limit_is_scaled_down_and_described(server):
    huge = encode_image(Image.new("RGB", (16_384, 100), "white"))
    server.planner_replies = [GREYSCALE_PLAN]
    response = reka_edit(server, huge)
    assert revised_prompt(response).startswith(
        "Scale from 16384x100 to 16383x99 px, then make the whole"
    )
    assert result_image(response).size == (16_383, 99)


def test_transparent_image_is_described_to_model_and_stays_transparent(server):
    image = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    image.paste((9, 99, 199, 255), (0, 0, 20, 20))
    server.planner_replies = ['{"steps": [{"op": "flip", "axis": "left-right"}]}'] * 2
    response = reka_edit(server, encode_image(image))
    assert "may be transparent" in server.parse_request(server.calls[0]).fields["prompt"]
    assert response.json["background"] == "transparent"
    assert result_image(response).getchannel("A").getbbox() == (20, 0, 40, 20)
    assert (
        reka_edit(server, encode_image(image), output_format="jpeg").json["background"] == "opaque"
    )


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_requested_output_format_is_encoded_by_gateway(server, form):
    response = reka_edit(server, output_format=form)
    assert result_image(response).format == form.upper()
    assert response.json["output_format"] == form


def test_lower_output_compression_gives_smaller_file(server):
    server.planner_replies = [GREYSCALE_PLAN] * 2
    small, large = (
        reka_edit(server, output_format="jpeg", output_compression=q).json["data"][0]["b64_json"]
        for q in ("10", "95")
    )
    assert len(small) < len(large)


def test_n_images_share_single_plan(server):
    response = reka_edit(server, n="3")
    assert len({item["b64_json"] for item in response.json["data"]}) == 1
    assert len(response.json["data"]) == 3
    assert len(server.calls) == 1
    assert revised_prompt(response).endswith(
        "The 3 images are the same, because the plan is not random."
    )
    assert response.json["usage"]["total_tokens"] == 1370


@pytest.mark.parametrize(
    ("size", "expected"), [("48x32", (48, 32)), ("64x64", (64, 64)), ("auto", (96, 64))]
)
def test_result_is_cropped_and_scaled_to_requested_size(server, size, expected):
    server.planner_replies = [GREYSCALE_PLAN]
    response = reka_edit(server, size=size)
    assert result_image(response).size == expected
    is_described = (
        "will be cut to the shape" in server.parse_request(server.calls[0]).fields["prompt"]
    )
    assert is_described == (size != "auto")
    assert ("crop and scale" in revised_prompt(response)) == (size != "auto")
    if size == "64x64":  # the crop must not distort the box in the scene
        red = result_image(response).convert("RGB").getchannel("R")
        centre = scene(96, 64).convert("L").convert("RGB").crop((16, 0, 80, 64))
        assert max_value(ImageChops.difference(red, centre.getchannel("R"))) <= 2


def test_mask_is_described_to_model_and_confines_edit(server):
    response = reka_edit(server, mask=gateway_client.file_part(box_mask(96, 64)))
    request = server.parse_request(server.calls[0])
    assert (
        "between 32 and 63 px from the left and 21 and 41 px from the top"
        in request.fields["prompt"]
    )
    assert request.fields["system"] == system_prompt(True)
    assert "crop" not in request.fields["system"]
    result = result_image(response).convert("RGB")
    assert result.getpixel((40, 30)) == MAGENTA
    result.paste(scene(96, 64).crop((32, 21, 63, 41)), (32, 21))
    assert ImageChops.difference(result, scene(96, 64)).getbbox() is None
    assert revised_prompt(response) == "Tint the marked area #ff00ff."


def test_unlisted_model_name_is_forwarded(server):
    assert reka_edit(server, model="reka-ai/hosted-vision-model").status == 200
    assert server.calls[0].json()["model"] == "hosted-vision-model"
    missing = reka_edit(server, model="reka-ai/reka-flahs")
    assert (missing.status, missing.json["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("field", ["quality", "input_fidelity"])
def test_unsupported_parameter_is_refused_before_any_call(server, field):
    response = reka_edit(server, **{field: "high"})
    assert (response.status, response.json["error"]["param"]) == (400, field)
    assert server.calls == []


def test_reply_content_in_parts_is_joined(server):
    message = {
        "role": "assistant",
        "content": [
            {"type": "text", "text": GREYSCALE_PLAN[:9]},
            {"type": "text", "text": GREYSCALE_PLAN[9:]},
        ],
    }
    body = {"responses": [{"message": message}]}
    server.failure_responses = [json_response(body)]
    response = reka_edit(server)
    assert response.status == 200
    assert "usage" not in response.json


def mask_shapes(box):
    left, top, right, bottom = box
    shape = {"type": "box", "x": left, "y": top, "width": right - left, "height": bottom - top}
    return json.dumps({"shapes": [shape]})


def test_masked_image_over_size_limit_keeps_its_size_and_unmarked_pixels(server):
    huge = Image.effect_noise((16_384, 64), 60).convert("RGB")
    box = (100, 10, 140, 40)
    server.planner_replies = ['{"steps": [{"op": "tint", "color": "red", "strength": 1}]}']
    response = reka_edit(server, encode_image(huge), mask=mask_shapes(box), preserve="true")
    assert result_image(response).size == huge.size
    changed = ImageChops.difference(result_image(response), huge).convert("L")
    assert changed.getbbox() == box
    assert result_image(response).getpixel((120, 25)) == (255, 0, 0)
    assert response.headers["x-retouch-preserved-pixels"] == str(16_384 * 64 - 40 * 30)
    assert revised_prompt(response) == (
        "Scale from 16384x64 to 16383x63 px, then tint the marked area red, then scale that area back."
    )


def test_webp_result_with_mask_keeps_unmarked_pixels(server):
    original = Image.effect_noise((96, 64), 60).convert("RGB")
    response = reka_edit(
        server, encode_image(original), mask=mask_shapes((8, 8, 20, 20)), output_format="webp"
    )
    changed = ImageChops.difference(result_image(response), original).convert("L")
    assert changed.getbbox() == (8, 8, 20, 20)
    assert response.headers["x-retouch-preserved-pixels"] == str(96 * 64 - 12 * 12)


def test_opaque_background_is_applied_by_gateway(server):
    translucent = scene(96, 64).convert("RGBA")
    translucent.putalpha(90)
    server.planner_replies = [GREYSCALE_PLAN] * 2
    response = reka_edit(server, encode_image(translucent), background="opaque")
    assert (result_image(response).mode, response.json["background"]) == ("RGB", "opaque")


def test_dry_run_reports_image_copy_sent_to_model(server):
    services = build_services(server.env(), providers=(PROVIDER,))
    fields = {
        "model": "reka-ai/reka-flash",
        "prompt": "nicer",
        "image": gateway_client.file_part(photo(1999, 1000)),
    }
    reported_images = gateway_client.post_edit(
        {**fields, "dry_run": "true"}, services=services
    ).json["calls"][0]["images"]
    assert server.calls == []
    gateway_client.post_edit(fields, services=services)
    sent = server.parse_request(server.calls[0]).images[0]
    assert reported_images == [{"format": "jpeg", "width": 1568, "height": 784, "bytes": len(sent)}]
