"""Tests of the BFL adapter: bare base64, two names for the image field, poll URLs and results on other hosts."""

import base64
import io
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageChops

from retouch.core.capabilities import Auth
from retouch.core.resolved_model import ResolvedModel
from retouch.infrastructure.upstream.key_scope import can_receive_key
from retouch.providers.black_forest_labs import FLUX_PRO_FILL, PROVIDER
from tests.contract import paint
from tests.contract.standin import MAGENTA
from tests.contract.standins.black_forest_labs import BlackForestLabsStandIn
from tests.support import gateway_client
from tests.support.images import (
    b64,
    box_mask,
    color_counts,
    cutout,
    decode_image,
    differing_area,
    encode_image,
    photo,
)
from tests.support.services import build_services

PHOTO = photo(96, 64)


@pytest.fixture
def server():
    with BlackForestLabsStandIn() as standin:
        yield standin


def bfl_edit(server, model="flux-kontext-pro", images=(PHOTO,), **fields):
    env = {"RETOUCH_FETCH_ALLOW": urlsplit(server.result_host.url).netloc, **server.env()}
    fields = {"model": f"black-forest-labs/{model}", "prompt": "p", **fields}
    parts = [*fields.items(), *(("image[]", gateway_client.file_part(data)) for data in images)]
    return gateway_client.post_edit(parts, services=build_services(env, providers=(PROVIDER,)))


def result_image(response):
    return decode_image(base64.b64decode(response.json["data"][0]["b64_json"]))


def test_kontext_request_numbers_its_images(server):
    others = [photo(32, 32), photo(48, 48)]
    response = bfl_edit(server, images=[PHOTO, *others], seed="41")
    assert response.status == 200, response.json
    (call,) = server.calls
    assert call.path == "/v1/flux-kontext-pro"
    assert call.json() == {
        "prompt": "p",
        "output_format": "png",
        "seed": 41,
        "input_image": b64(PHOTO),
        "input_image_2": b64(others[0]),
        "input_image_3": b64(others[1]),
    }


def test_fill_request_sends_image_and_mask_and_edits_marked_area_only(server):
    response = bfl_edit(
        server, "flux-pro-1.0-fill", mask=gateway_client.file_part(box_mask(96, 64)), steps="20"
    )
    body = server.calls[0].json()
    assert set(body) == {"prompt", "output_format", "steps", "image", "mask"}
    mask = decode_image(base64.b64decode(body["mask"]))
    assert (mask.mode, mask.getpixel((48, 32)), mask.getpixel((2, 2))) == ("L", 255, 0)
    edited, original = result_image(response), decode_image(PHOTO)
    assert edited.getpixel((48, 32)) == MAGENTA
    assert edited.getpixel((2, 2)) == original.getpixel((2, 2))


def test_fill_mask_keeps_soft_edges(server):
    soft = Image.linear_gradient("L").resize((96, 64))
    mask = Image.merge("LA", (Image.new("L", soft.size), soft)).convert("RGBA")
    assert (
        bfl_edit(
            server, "flux-pro-1.0-fill", mask=gateway_client.file_part(encode_image(mask))
        ).status
        == 200
    )
    seen = server.parse_request(server.calls[0])
    assert len(color_counts(decode_image(seen.mask))) > 30


def test_transparent_image_is_sent_opaque_with_its_alpha_as_mask(server):
    response = bfl_edit(server, "flux-pro-1.0-fill", images=[cutout(96, 64)])
    seen = server.parse_request(server.calls[0])
    assert decode_image(seen.images[0]).mode == "RGB"
    assert decode_image(seen.mask).getpixel((48, 32)) == 255
    assert result_image(response).convert("RGB").getpixel((48, 32)) == MAGENTA


def test_fill_without_mask_is_refused_before_any_call(server):
    response = bfl_edit(server, "flux-pro-1.0-fill")
    assert response.json["error"]["code"] == "mask_required"
    assert server.received == []


def test_flux_2_size_is_sent_as_width_and_height_and_auto_is_omitted(server):
    assert result_image(bfl_edit(server, "flux-2-pro", size="1280x720")).size == (1280, 720)
    assert bfl_edit(server, "flux-2-pro", size="auto").status == 200
    first, second = (call.json() for call in server.calls)
    assert (first["width"], first["height"]) == (1280, 720)
    assert (
        set(second)
        == {"prompt", "output_format", "input_image"}
        == set(first) - {"width", "height"}
    )


def test_flux_2_with_nine_images_is_refused(server):
    images = [photo(32, 32)] * 9
    response = bfl_edit(server, "flux-2-pro", images)
    assert response.json["error"]["code"] == "too_many_images"
    assert bfl_edit(server, "flux-2-pro", images[1:]).status == 200
    assert "input_image_8" in server.calls[0].json()


def test_klein_with_five_images_is_refused_before_any_call(server):
    response = bfl_edit(server, "flux-2-klein-9b", [photo(32, 32)] * 5)
    assert response.json["error"]["code"] == "too_many_images"
    assert server.received == []


def test_flux_2_makes_four_megapixels_and_smallest_edges(server):
    for size in ("2048x2048", "64x64"):
        assert bfl_edit(server, "flux-2-pro", size=size).status == 200
    response = bfl_edit(server, "flux-2-pro", size="48x96")
    assert (response.status, response.json["error"]["param"]) == (400, "size")


def test_user_and_webp_are_sent(server):
    response = bfl_edit(server, "flux-2-pro", user="u-1", output_format="webp")
    body = server.calls[0].json()
    assert (body["user"], body["output_format"]) == ("u-1", "webp")
    assert "x-retouch-notes" not in response.headers


@pytest.mark.parametrize(
    ("ordered", "finished", "cost"),
    [
        (4.5, None, "0.045"),  # credits of $0.01
        (4.5, 6, "0.06"),
        (None, 4.5, "0.045"),
        ("4.5", None, "0.045"),
        (None, None, "0.045 estimated"),
        (0, -1, "0.045 estimated"),
        (True, "much", "0.045 estimated"),
        (1e300, [4], "0.045 estimated"),
    ],
)
def test_cost_is_that_of_the_finished_task_or_of_the_order(server, ordered, finished, cost):
    server.ordered_cost, server.finished_cost = ordered, finished
    response = bfl_edit(server, "flux-2-pro")
    assert response.headers["x-retouch-cost-usd"] == cost


@pytest.mark.parametrize("status", ["Reasoning", "Generating", "Unheard of"])
def test_task_with_an_unfinished_status_is_polled_again(server, status):
    server.pending_states = (status, status)
    assert bfl_edit(server).status == 200


def test_poll_carries_key_and_result_download_does_not(server):
    assert bfl_edit(server).status == 200
    polls = server.received[1:]
    assert {(p.method, p.path, p.query["id"]) for p in polls} == {
        ("GET", "/v1/get_result", "task-0")
    }
    assert all(r.headers["x-key"] == server.key for r in server.received)
    (download,) = server.result_host.received
    assert server.key not in str(download.headers)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://api.bfl.ai/v1/get_result?id=1", True),
        ("https://api.eu.bfl.ai/v1/get_result?id=1", True),
        ("https://api.us1.bfl.ai/v1/get_result?id=1", True),
        ("https://delivery-eu1.bfl.ai/results/1.png?sig=x", False),
        ("https://api.bfl.ai.attacker.test/v1/get_result?id=1", False),
        ("http://api.eu.bfl.ai/v1/get_result?id=1", False),
    ],
)
def test_key_is_allowed_on_regional_hosts_and_not_on_delivery_hosts(url, own):
    model = ResolvedModel(
        PROVIDER, FLUX_PRO_FILL, FLUX_PRO_FILL, options={"base_url": PROVIDER.base_url}, key="k"
    )
    assert can_receive_key(url, model) is own


def test_key_header_is_x_key():
    assert PROVIDER.auth == Auth("x-key")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_image_is_sent_in_its_original_format(server, format):
    data = photo(96, 64, format)
    assert bfl_edit(server, images=[data]).status == 200
    sent = server.parse_request(server.calls[0]).images[0]
    assert Image.open(io.BytesIO(sent)).format == format


def test_flux_3_gets_its_pictures_as_a_list_and_searches_nothing(server):
    images = [photo(320, 256), photo(256, 256), photo(300, 256)]
    server.ordered_cost = 4.8
    response = bfl_edit(server, "flux-3-image", images)
    assert response.status == 200, response.json
    assert server.calls[0].json() == {
        "prompt": "p",
        "grounding": False,
        "images": [b64(data) for data in images],
    }
    assert response.headers["x-retouch-cost-usd"] == "0.048"


def test_flux_3_takes_ten_pictures_and_no_more(server):
    response = bfl_edit(server, "flux-3-image", [photo(256, 256)] * 11)
    assert (response.status, response.json["error"]["code"]) == (400, "too_many_images")
    assert server.received == []


def test_flux_3_size_is_an_aspect_ratio_and_the_result_has_exactly_that_size(server):
    response = bfl_edit(server, "flux-3-image", [photo(300, 256)], size="2048x1024")
    body = server.calls[0].json()
    assert (body["aspect_ratio"], body["resolution"]) == ("2:1", "1.5k")
    assert result_image(response).size == (2048, 1024)


def test_flux_3_searches_the_web_when_the_caller_asks(server):
    assert bfl_edit(server, "flux-3-image", [photo(256, 256)], grounding="true").status == 200
    assert server.calls[0].json()["grounding"] is True


def test_flux_3_with_a_mask_is_refused_with_the_models_that_take_one(server):
    mask = gateway_client.file_part(box_mask(256, 256))
    response = bfl_edit(server, "flux-3-image", [photo(256, 256)], mask=mask)
    error = response.json["error"]
    assert (response.status, error["param"]) == (400, "mask")
    assert "preserve=true" in error["message"]
    assert "black-forest-labs/erase" in error["message"]
    assert server.received == []


def test_erase_gets_a_white_mask_of_the_same_size_and_no_prompt(server):
    mask = gateway_client.file_part(box_mask(96, 64))
    response = bfl_edit(server, "erase", mask=mask, prompt="")
    assert response.status == 200, response.json
    call = server.calls[0]
    assert call.path == "/v1/flux-tools/erase-v1"
    body = call.json()
    assert {name: body[name] for name in set(body) - {"image", "mask"}} == {
        "output_format": "png",
        "dilate_pixels": 0,
    }
    sent = decode_image(base64.b64decode(body["mask"]))
    assert (sent.size, sent.getpixel((48, 32)), sent.getpixel((2, 2))) == ((96, 64), 255, 0)


@pytest.mark.parametrize("pixels", ["0", "25"])
def test_erase_keeps_every_pixel_outside_the_mask_whatever_ring_it_removes(
    server, pixels, monkeypatch
):
    monkeypatch.setattr(paint, "EVERYWHERE", True)
    mask = gateway_client.file_part(box_mask(96, 64))
    response = bfl_edit(server, "erase", mask=mask, dilate_pixels=pixels)
    assert server.calls[0].json()["dilate_pixels"] == int(pixels)
    changed = differing_area(result_image(response).convert("RGB"), decode_image(PHOTO))
    marked = decode_image(box_mask(96, 64)).getchannel("A").point(lambda alpha: 255 - alpha)
    assert changed.getbbox()
    assert ImageChops.subtract(changed, marked).getbbox() is None


def test_outpaint_adds_pixels_at_the_edges(server):
    response = bfl_edit(server, "outpaint", top="32", right="64", prompt="a hill")
    call = server.calls[0]
    assert call.path == "/v1/flux-pro-1.0-expand"
    body = call.json()
    assert (body["top"], body["right"], body["prompt"]) == (32, 64, "a hill")
    assert result_image(response).size == (160, 96)


def test_outpaint_without_an_edge_is_refused(server):
    response = bfl_edit(server, "outpaint")
    assert response.json["error"]["code"] == "missing_required_parameter"
    assert server.received == []
