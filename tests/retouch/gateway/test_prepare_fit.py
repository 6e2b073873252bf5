"""Tests that the geometry of the result equals the geometry of the image, through the whole pipeline."""

import base64
import json
from dataclasses import replace

import pytest
from PIL import Image, ImageChops

from retouch.core.capabilities import ALPHA_MASK, ModelCapabilities
from retouch.core.errors import InvalidRequest
from retouch.core.provider_protocol import ProviderJob
from retouch.gateway.prepare import prepare_job
from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.read import read_mask
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import box_mask, decode_image, encode_image, photo, scene
from tests.support.upstream import Upstream, json_response


class EchoProvider(Upstream):
    """A provider that returns the image it was sent, scaled to the requested size."""

    def serve(self, handler):
        self.record_request(handler)
        call = self.received[-1]
        image = decode_image(next(data for name, *_, data in call.files if name == "image"))
        width, _, height = call.fields.get("size", "x").partition("x")
        if width:
            image = image.resize((int(width), int(height)), Image.Resampling.LANCZOS)
        body = {"data": [{"b64_json": base64.b64encode(encode_image(image)).decode()}]}
        return self.write_response(handler, json_response(body))


@pytest.fixture
def echo():
    with EchoProvider() as upstream:
        yield upstream


def send_edit_to(echo, fields):
    env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": echo.url}
    response = post_edit({"model": "gpt-image-2", "prompt": "p", **fields}, env)
    assert response.status == 200, response.json
    return decode_image(base64.b64decode(response.json["data"][0]["b64_json"])), response


@pytest.mark.parametrize("size", [(1001, 777), (333, 1000), (640, 361), (1023, 1025), (90, 31)])
def test_padded_image_is_restored_aligned_to_the_pixel(echo, size):
    grid = Image.linear_gradient("L").rotate(90).resize(size).convert("RGB")
    marker = Image.new("RGB", (size[0] // 5, size[1] // 5), (255, 0, 0))
    grid.paste(marker, (size[0] // 3, size[1] // 3))
    result, response = send_edit_to(echo, {"image": file_part(encode_image(grid)), "fit": "pad"})
    assert result.size == size
    assert "padded to" in response.headers["x-retouch-notes"]
    edges = ImageChops.difference(result.convert("RGB"), grid).convert("L")
    # Only resampled edges may differ. A shift by one pixel would differ strongly along a whole line.
    strong = edges.point(lambda value: 255 if value > 90 else 0)
    assert strong.histogram()[255] <= 2 * sum(size) // 10


def test_scaled_size_is_exact(echo):
    result, response = send_edit_to(
        echo, {"image": file_part(photo(64, 64)), "size": "256x256", "fit": "scale"}
    )
    assert result.size == (256, 256)
    assert "rendered at 1024x1024" in response.headers["x-retouch-notes"]


def test_mask_and_image_are_padded_the_same_way(echo):
    original, marked_box = scene(300, 200), (100, 60, 220, 140)
    fields = {
        "image": file_part(encode_image(original)),
        "mask": file_part(box_mask(300, 200, marked_box=marked_box)),
        "fit": "pad",
    }
    result, response = send_edit_to(echo, fields)
    (call,) = echo.calls
    image, mask = (decode_image(data) for *_, data in call.files)
    assert image.size == mask.size
    box = mask.getchannel("A").point(lambda value: 255 - value).getbbox()
    assert box is not None
    scale = (box[2] - box[0]) / 120
    assert abs((box[3] - box[1]) / 80 - scale) < 0.05
    assert result.size == (300, 200)
    assert response.headers["x-retouch-preserved-pixels"] == str(300 * 200 - 120 * 80)


def test_dall_e_2_accepts_any_shape_with_pad_fit(echo):
    result, _ = send_edit_to(
        echo,
        {
            "model": "dall-e-2",
            "image": file_part(photo(120, 70)),
            "mask": file_part(box_mask(120, 70)),
            "fit": "pad",
        },
    )
    assert result.size == (120, 70)


@pytest.mark.parametrize("masked", [False, True])
def test_total_image_size_over_request_limit_is_rejected(masked):
    images = (inspect_image(photo(60, 40)), inspect_image(photo(50, 40)))
    mask = read_mask(box_mask(60, 40), images[0]) if masked else None
    job, model = (
        ProviderJob("m", "p", images, mask),
        ModelCapabilities(id="m", mask_format=ALPHA_MASK),
    )
    prepared = prepare_job(job, model)
    files = [*prepared.images]
    if masked:
        assert prepared.mask_file is not None
        files.append(prepared.mask_file)
    total = sum(len(file.data) for file in files)
    assert prepare_job(job, replace(model, max_request_bytes=total)) == prepared
    with pytest.raises(InvalidRequest, match=f"have {total} bytes in total; m accepts") as exc_info:
        prepare_job(job, replace(model, max_request_bytes=total - 1))
    assert exc_info.value.code == "image_file_too_large"


@pytest.mark.parametrize("fit", ["strict", "scale", "pad"])
def test_local_model_needs_no_fitting(fit):
    original = Image.effect_noise((9000, 10), 60).convert("RGB")
    shape = {"type": "box", "x": 0, "y": 0, "width": 20, "height": 5}
    fields = {
        "model": "local/erase",
        "prompt": "p",
        "image": file_part(encode_image(original)),
        "fit": fit,
    }
    response = post_edit({**fields, "mask": json.dumps({"shapes": [shape]})})
    assert response.status == 200, response.json
    edited = decode_image(base64.b64decode(response.json["data"][0]["b64_json"]))
    changed = ImageChops.difference(edited, original).convert("L")
    assert changed.getbbox() == (0, 0, 20, 5)
    assert response.headers["x-retouch-preserved-pixels"] == str(9000 * 10 - 20 * 5)


@pytest.mark.parametrize("size", ["99999x99999", "20000x20000", "9000x9000"])
def test_requested_size_over_limit_is_rejected(size):
    model = "google/gemini-2.5-flash-image"
    response = post_edit(
        {
            "model": model,
            "prompt": "p",
            "image": file_part(photo()),
            "size": size,
            "dry_run": "true",
        }
    )
    assert (response.status, response.json["error"]["param"]) == (400, "size")


def test_own_size_with_a_mask_is_returned_although_the_model_does_not_make_it(echo):
    fields = {"image": file_part(photo(1001, 777)), "mask": file_part(box_mask(1001, 777))}
    result, response = send_edit_to(echo, {**fields, "size": "1001x777"})
    assert result.size == (1001, 777)
    notes = response.headers["x-retouch-notes"]
    assert "size: gpt-image-2 does not make 1001x777" in notes
    assert int(response.headers["x-retouch-preserved-pixels"]) > 0


def test_own_size_that_the_model_does_not_make_is_refused_with_fit_strict(echo):
    env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": echo.url}
    fields = {"model": "gpt-image-2", "prompt": "p", "size": "1001x777", "fit": "strict"}
    images = {"image": file_part(photo(1001, 777)), "mask": file_part(box_mask(1001, 777))}
    response = post_edit({**fields, **images}, env)
    assert (response.status, response.json["error"]["param"]) == (400, "size")
    assert echo.received == []


@pytest.mark.parametrize(
    ("size", "note"),
    [
        ((100, 80), "preserve: the model made 960x768 pixels of the image"),
        ((1024, 1024), None),
    ],
)
def test_note_says_in_which_size_the_marked_area_was_made(echo, size, note):
    fields = {"image": file_part(photo(*size)), "mask": file_part(box_mask(*size))}
    _, response = send_edit_to(echo, fields)
    notes = response.headers.get("x-retouch-notes", "")
    assert (note in notes) if note else ("the model made" not in notes)
