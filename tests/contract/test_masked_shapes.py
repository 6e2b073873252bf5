"""A masked edit without a size returns the size of the image at every model, whatever shapes the model makes."""

import base64
import io
import json
import random

import pytest
from PIL import Image, ImageChops

from retouch.imaging.masks.regions import box_area
from retouch.providers import PROVIDERS
from tests.contract import paint
from tests.contract.registry import MODELS, PAID_PROVIDERS, make_standin, parameter_id
from tests.contract.runner import services_for
from tests.contract.standin import MAGENTA
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import encode_image, max_value, scene

SHAPES = {
    "portrait 3:4": (756, 1008),
    "landscape 16:9": (640, 360),
    "square": (300, 300),
    "panorama 3:1": (900, 300),
    "tiny": (64, 48),
    "odd": (1001, 667),
}
SOFT_EDGE = 17  # pixels: the widest blend inside the edge of the mask, and one more for scaling
RETIRED_IDS = ("dall-e-2", "gpt-image-1")  # clients still send them; successors serve them


def edits_a_region(model):
    has_mask = model.mask_format and model.mask_format.polarity != "direct"
    return (
        not model.operations
        and not model.changes_geometry
        and (has_mask or model.follows_instructions)
    )


def geometry_rules(provider, model):
    """Return what decides about the geometry of a model. Models with the same rules count as one model."""
    spec = model.params.get("size")
    rules = (spec, model.size_limits, model.requires_square, model.mask_format, model.operation)
    return provider.name, repr(rules)


REGION_MODELS = {
    geometry_rules(provider, model): (provider, model)
    for provider in PAID_PROVIDERS
    for model in reversed(provider.models)
    if edits_a_region(model)
    and ((provider, model) in MODELS or (provider.name == "openai" and model.id in RETIRED_IDS))
}
every_region_model = pytest.mark.parametrize(
    ("provider", "model"), REGION_MODELS.values(), ids=parameter_id
)


def marked_box(size):
    """Return a box that is not in the centre, so that a wrong offset or a mirrored axis shows."""
    width, height = size
    return width // 8, height // 2, width // 2, height - height // 8


def edit_fields(provider, model, image_file, size, **more):
    left, top, right, bottom = marked_box(size)
    shape = {"type": "box", "x": left, "y": top, "width": right - left, "height": bottom - top}
    return {
        "model": f"{provider.name}/{model.id}",
        "image": file_part(image_file),
        "mask": json.dumps({"shapes": [shape]}),
        "response_format": "b64_json",
        **({} if model.mask_format else {"preserve": "true"}),
        **({"prompt": "p"} if model.prompt_mode != "unread" else {}),
        **more,
    }


def assert_only_marked_area_changed(response, original):
    assert response.status == 200, response.json
    edited = Image.open(io.BytesIO(base64.b64decode(response.json["data"][0]["b64_json"])))
    assert edited.size == original.size
    box = marked_box(original.size)
    difference = ImageChops.difference(edited.convert("RGB"), original).convert("L")
    inner_box = (box[0] + SOFT_EDGE, box[1] + SOFT_EDGE, box[2] - SOFT_EDGE, box[3] - SOFT_EDGE)
    if inner_box[0] < inner_box[2] and inner_box[1] < inner_box[3]:
        inner = edited.convert("RGB").crop(inner_box)
        assert max_value(ImageChops.difference(inner, Image.new("RGB", inner.size, MAGENTA))) <= 2
    assert difference.getbbox(), "the marked box was not repainted"
    difference.paste(0, box)
    assert difference.getbbox() is None
    expected_pixels = original.width * original.height - box_area(box)
    # The wide blend of a large image leaves the four corner pixels of the marked box as they were.
    extra_pixels = int(response.headers["x-retouch-preserved-pixels"]) - expected_pixels
    assert extra_pixels in (0, 4)
    assert "another shape" not in response.headers.get("x-retouch-notes", "")


@pytest.mark.parametrize("size", SHAPES.values(), ids=SHAPES)
@every_region_model
def test_masked_edit_returns_the_size_of_the_image(provider, model, size, monkeypatch):
    monkeypatch.setattr(paint, "EVERYWHERE", True)
    original = scene(*size)
    with make_standin(provider) as server:
        fields = edit_fields(provider, model, encode_image(original), size)
        response = post_edit(fields, services=services_for(server))
    assert_only_marked_area_changed(response, original)


@every_region_model
def test_dry_run_reports_the_planned_shape_without_a_call(provider, model):
    size = SHAPES["odd"]
    fields = edit_fields(provider, model, encode_image(scene(*size)), size, dry_run="true")
    with make_standin(provider) as server:
        plan = post_edit(fields, services=services_for(server)).json
        assert server.received == []
    assert (plan["answer"]["size"], plan["answer"]["preserve"]) == (list(size), True)
    sent_image = plan["calls"][0]["images"][0]
    is_placed = (sent_image["width"], sent_image["height"]) != size
    placement_notes = [note for note in plan["notes"] if note.startswith("image: ")]
    assert [" back" in note for note in placement_notes] == [True] * is_placed


@every_region_model
def test_model_repaints_the_marked_area_at_its_place(provider, model):
    """Here the provider obeys the mask, so a mask that is placed unlike the image would leave a strip unpainted."""
    size = SHAPES["odd"]
    original = scene(*size)
    with make_standin(provider) as server:
        fields = edit_fields(provider, model, encode_image(original), size)
        response = post_edit(fields, services=services_for(server))
    assert_only_marked_area_changed(response, original)


PHONE_SIZE = (3024, 4032)


@pytest.mark.parametrize(
    "model_id",
    [
        "openai/gpt-image-1-mini",
        "stability-ai/inpaint",
    ],
)
def test_masked_edit_of_12_megapixel_photo_returns_its_size(model_id, monkeypatch):
    monkeypatch.setattr(paint, "EVERYWHERE", True)
    provider = next(p for p in PROVIDERS if p.name == model_id.partition("/")[0])
    model = provider.find_model(model_id.partition("/")[2])
    assert model is not None
    texture = Image.frombytes("RGB", (756, 1008), random.Random(5).randbytes(756 * 1008 * 3))
    source = encode_image(texture.resize(PHONE_SIZE, Image.Resampling.BICUBIC), "JPEG", quality=90)
    original = Image.open(io.BytesIO(source)).convert("RGB")
    with make_standin(provider) as server:
        response = post_edit(
            edit_fields(provider, model, source, PHONE_SIZE), services=services_for(server)
        )
    assert_only_marked_area_changed(response, original)
