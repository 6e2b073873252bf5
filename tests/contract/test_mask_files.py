"""Mask files of tools, with a provider that repaints everything: no pixel changes that is less than half marked."""

import base64

import pytest
from PIL import Image, ImageChops

from tests.contract import paint
from tests.contract.region_models import MODELS_THAT_EDIT_A_REGION
from tests.contract.registry import make_standin
from tests.contract.runner import services_for
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import decode_image, differing_area, encode_image
from tests.support.tool_masks import SIZE, TOOL_MASKS, draw_soft_stroke, fill, marked_area

ORIGINAL = Image.effect_noise(SIZE, 60).convert("RGB")
FILES = (
    "Photoshop, white on black",
    "Inkscape, grey",
    "JPEG saved as PNG",
    "canvas, red strokes on clear",
    "red on black",
)


def name_of(model):
    return f"{model[0].name}/{model[1].id}"


def edit(model, fields, server):
    return post_edit(
        {
            "model": name_of(model),
            "image": file_part(encode_image(ORIGINAL)),
            "preserve": "true",
            "fit": "pad",
            **({"prompt": "p"} if model[1].prompt_mode != "unread" else {}),
            **fields,
        },
        services=services_for(server),
    )


def changed_pixels(response):
    """Return an "L" image, 255 where the result differs from the original."""
    edited = decode_image(base64.b64decode(response.json["data"][0]["b64_json"])).convert("RGB")
    return differing_area(edited, ORIGINAL)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("model", MODELS_THAT_EDIT_A_REGION.values(), ids=name_of)
def test_pixels_below_half_of_tool_mask_are_unchanged(model, name, monkeypatch):
    monkeypatch.setattr(paint, "EVERYWHERE", True)
    tool_mask = TOOL_MASKS[name]
    fields = {"mask": file_part(tool_mask.build()), "mask_mode": tool_mask.mask_mode}
    with make_standin(model[0]) as server:
        response = edit(model, fields, server)
    assert response.status == 200, response.json
    changed = changed_pixels(response)
    assert changed.getbbox(), "the marked area was not repainted"
    assert ImageChops.subtract(changed, tool_mask.area).getbbox() is None
    unmarked = SIZE[0] * SIZE[1] - tool_mask.area.histogram()[255]
    assert int(response.headers["x-retouch-preserved-pixels"]) == unmarked


def supports_soft_edges(model):
    return model.mask_format is not None and model.mask_format.supports_soft_edges


@pytest.mark.parametrize("model", MODELS_THAT_EDIT_A_REGION.values(), ids=name_of)
def test_soft_brush_is_blended_only_by_models_with_soft_masks(model, monkeypatch):
    monkeypatch.setattr(paint, "EVERYWHERE", True)
    levels = draw_soft_stroke()
    is_soft = supports_soft_edges(model[1])
    with make_standin(model[0]) as server:
        response = edit(
            model,
            {"mask": file_part(encode_image(fill((9, 9, 9), levels))), "mask_mode": "opaque"},
            server,
        )
    assert response.status == 200, response.json
    changed = changed_pixels(response)
    first_marked = 25 if is_soft else 128
    allowed = levels.point(lambda level: 255 if level >= first_marked else 0)
    assert ImageChops.subtract(changed, allowed).getbbox() is None
    # Some pixels between noise and the half are blended if the model reads soft edges.
    assert (ImageChops.subtract(changed, marked_area(levels)).getbbox() is not None) == is_soft
    assert ("at least half marked" in response.headers.get("x-retouch-notes", "")) != is_soft
