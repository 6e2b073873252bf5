"""Geometry in equals geometry out, through the whole corridor."""

import base64
import json
from dataclasses import replace

import pytest
from PIL import Image, ImageChops

from retouch.cards import ALPHA, Model
from retouch.errors import InvalidRequest
from retouch.messages import Job
from retouch.pixels.inspect import inspect
from retouch.pixels.mask import read_mask
from retouch.prepare import prepare
from tests.support.door import edit, png
from tests.support.pictures import encoded, hole, opened, photo, scene
from tests.support.upstream import Upstream, as_json


class Echo(Upstream):
    """A provider that answers with the picture it was sent, scaled as its size field says."""

    def serve(self, handler):
        self.record(handler)
        call = self.received[-1]
        image = opened(next(data for name, *_, data in call.files if name == "image"))
        width, _, height = call.fields.get("size", "x").partition("x")
        if width:
            image = image.resize((int(width), int(height)), Image.Resampling.LANCZOS)
        body = {"data": [{"b64_json": base64.b64encode(encoded(image)).decode()}]}
        return self.answer(handler, as_json(body))


@pytest.fixture
def echo():
    with Echo() as upstream:
        yield upstream


def through(echo, fields):
    env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": echo.url}
    answer = edit({"model": "gpt-image-2", "prompt": "p", **fields}, env)
    assert answer.status == 200, answer.json
    return opened(base64.b64decode(answer.json["data"][0]["b64_json"])), answer


@pytest.mark.parametrize("size", [(1001, 777), (333, 1000), (640, 361), (1023, 1025), (90, 31)])
def test_padded_pictures_come_back_aligned_to_the_pixel(echo, size):
    grid = Image.linear_gradient("L").rotate(90).resize(size).convert("RGB")
    marker = Image.new("RGB", (size[0] // 5, size[1] // 5), (255, 0, 0))
    grid.paste(marker, (size[0] // 3, size[1] // 3))
    back, answer = through(echo, {"image": png(encoded(grid)), "fit": "pad"})
    assert back.size == size
    assert "padded to" in answer.headers["x-retouch-notes"]
    edges = ImageChops.difference(back.convert("RGB"), grid).convert("L")
    # Only resampled edges may differ: a content shifted by one pixel would differ along a whole line at full height.
    strong = edges.point(lambda value: 255 if value > 90 else 0)
    assert strong.histogram()[255] <= 2 * sum(size) // 10


def test_a_scaled_size_is_exact(echo):
    back, answer = through(echo, {"image": png(photo(64, 64)), "size": "256x256", "fit": "scale"})
    assert back.size == (256, 256)
    assert "rendered at 1024x1024" in answer.headers["x-retouch-notes"]


def test_mask_and_picture_are_padded_alike(echo):
    picture, at = scene(300, 200), (100, 60, 220, 140)
    fields = {"image": png(encoded(picture)), "mask": png(hole(300, 200, at=at)), "fit": "pad"}
    back, answer = through(echo, fields)
    (call,) = echo.calls
    image, mask = (opened(data) for *_, data in call.files)
    assert image.size == mask.size
    box = mask.getchannel("A").point(lambda value: 255 - value).getbbox()
    scale = (box[2] - box[0]) / 120
    assert abs((box[3] - box[1]) / 80 - scale) < 0.05
    assert back.size == (300, 200)
    assert answer.headers["x-retouch-preserved-pixels"] == str(300 * 200 - 120 * 80)


def test_dall_e_2_takes_any_shape_with_pad(echo):
    back, _ = through(
        echo,
        {
            "model": "dall-e-2",
            "image": png(photo(120, 70)),
            "mask": png(hole(120, 70)),
            "fit": "pad",
        },
    )
    assert back.size == (120, 70)


@pytest.mark.parametrize("masked", [False, True])
def test_all_pictures_together_are_held_to_what_a_request_may_weigh(masked):
    images = (inspect(photo(60, 40)), inspect(photo(50, 40)))
    mask = read_mask(hole(60, 40), images[0]) if masked else None
    job, model = Job("m", "p", images, mask), Model(id="m", mask=ALPHA)
    ready = prepare(job, model)
    files = [*ready.images, *([ready.mask_file] if masked else [])]
    total = sum(len(file.data) for file in files)
    assert prepare(job, replace(model, request_bytes=total)) == ready
    with pytest.raises(InvalidRequest, match=f"have {total} bytes together; m takes") as refused:
        prepare(job, replace(model, request_bytes=total - 1))
    assert refused.value.code == "image_file_too_large"


@pytest.mark.parametrize("how", ["strict", "scale", "pad"])
def test_a_model_that_works_here_needs_no_fitting(how):
    picture = Image.effect_noise((9000, 10), 60).convert("RGB")
    shape = {"type": "box", "x": 0, "y": 0, "width": 20, "height": 5}
    fields = {"model": "local/erase", "prompt": "p", "image": png(encoded(picture)), "fit": how}
    answer = edit({**fields, "mask": json.dumps({"shapes": [shape]})})
    assert answer.status == 200, answer.json
    edited = opened(base64.b64decode(answer.json["data"][0]["b64_json"]))
    changed = ImageChops.difference(edited, picture).convert("L")
    assert changed.getbbox() == (0, 0, 20, 5)
    assert answer.headers["x-retouch-preserved-pixels"] == str(9000 * 10 - 20 * 5)


@pytest.mark.parametrize("size", ["99999x99999", "20000x20000", "9000x9000"])
def test_no_answer_is_scaled_beyond_what_is_taken(size):
    model = "google/gemini-2.5-flash-image"
    answer = edit(
        {"model": model, "prompt": "p", "image": png(photo()), "size": size, "dry_run": "true"}
    )
    assert (answer.status, answer.json["error"]["param"]) == (400, "size")
