"""Photos of phones, screenshots and scans with masks of common tools: nothing outside the mask changes.

The providers repaint everything, so that each unchanged pixel is one that the gateway restored or `local/erase` kept.
"""

import base64
from contextlib import nullcontext

import pytest
from PIL import Image, ImageChops

from retouch.providers import PROVIDERS
from tests.contract import paint
from tests.contract.registry import make_standin
from tests.contract.runner import services_for
from tests.retouch.imaging.displayed import displayed_pixels
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import decode_image, differing_area, encode_image
from tests.support.tool_masks import SIZE, TOOL_MASKS, ToolMask, draw_stroke
from tests.support.user_photos import PHOTOS

MODELS = (
    "openai/gpt-image-2",
    "google/gemini-nano-banana-2.1",
    "stability-ai/inpaint",
    "local/erase",
)
SMALL_SIZE = (SIZE[0] // 2, SIZE[1] // 2)


# A mask that a segmentation model makes of a smaller copy of the photo.
SMALL_MASK = ToolMask(
    "auto",
    lambda: encode_image(draw_stroke().resize(SMALL_SIZE, Image.Resampling.NEAREST)),
    levels=lambda: draw_stroke().resize(SMALL_SIZE, 0).resize(SIZE, Image.Resampling.NEAREST),
)
MASKS = {
    **{
        name: TOOL_MASKS[name]
        for name in (
            "Photoshop, white on black",
            "Photoshop, layer mask",
            "GIMP, indexed",
            "canvas, destination-out",
            "canvas, red strokes on clear",
            "Inkscape, grey",
            "SAM, boolean",
        )
    },
    "SAM, half size": SMALL_MASK,
}


def edit(model, photo, **fields):
    """Return the response of the gateway, whose provider repaints everything."""
    provider = next(one for one in PROVIDERS if model.startswith(f"{one.name}/"))
    preserve = {"preserve": "true"} if provider.is_paid else {}
    with make_standin(provider) if provider.is_paid else nullcontext() as server:
        return post_edit(
            {"model": model, "prompt": "p", "image": file_part(photo), **preserve, **fields},
            services=services_for(server),
        )


@pytest.mark.parametrize("mask_name", MASKS)
@pytest.mark.parametrize("photo_name", PHOTOS)
@pytest.mark.parametrize("model", MODELS)
def test_nothing_outside_a_tool_mask_changes(model, photo_name, mask_name, monkeypatch):
    monkeypatch.setattr(paint, "EVERYWHERE", True)
    photo, tool_mask = PHOTOS[photo_name](), MASKS[mask_name]
    mask = file_part(tool_mask.build())
    response = edit(model, photo, mask=mask, mask_mode=tool_mask.mask_mode)
    assert response.status == 200, response.json
    edited = decode_image(base64.b64decode(response.json["data"][0]["b64_json"]))
    assert edited.size == SIZE
    changed = differing_area(edited.convert("RGBA"), displayed_pixels(photo))
    assert changed.getbbox(), "the marked area was not edited"
    assert ImageChops.subtract(changed, tool_mask.area).getbbox() is None
    unmarked = tool_mask.area.histogram()[0]
    assert int(response.headers["x-retouch-preserved-pixels"]) == unmarked


@pytest.mark.parametrize("photo_name", PHOTOS)
def test_mask_at_a_model_without_masks_is_refused_with_the_remedy(photo_name):
    mask = file_part(TOOL_MASKS["canvas, destination-out"].build())
    response = edit(
        "google/gemini-nano-banana-2.1", PHOTOS[photo_name](), mask=mask, preserve="false"
    )
    assert response.status == 400
    assert response.json["error"]["param"] == "mask"
    assert "preserve=true" in response.json["error"]["message"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("photo_name", ["iPhone, JPEG", "iPhone, HEIC"])
def test_mask_of_the_stored_pixels_is_refused_with_the_turn_or_turned_by_auto(
    model, photo_name, monkeypatch
):
    monkeypatch.setattr(paint, "EVERYWHERE", True)
    stored_area = draw_stroke().transpose(Image.Transpose.ROTATE_90)
    mask = file_part(encode_image(stored_area))
    photo = PHOTOS[photo_name]()
    refused = edit(model, photo, mask=mask, mask_mode="white")
    assert (refused.status, refused.json["error"]["code"]) == (400, "mask_size_mismatch")
    assert "mask_mode=auto" in refused.json["error"]["message"]
    response = edit(model, photo, mask=mask, mask_mode="auto")
    edited = decode_image(base64.b64decode(response.json["data"][0]["b64_json"]))
    changed = differing_area(edited.convert("RGBA"), displayed_pixels(photo))
    assert changed.getbbox()
    assert ImageChops.subtract(changed, draw_stroke()).getbbox() is None
