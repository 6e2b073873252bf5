"""Tests of the rule that the transparency of an image is the mask, or a note says that it is not."""

import pytest
from PIL import Image

from retouch.providers import PROVIDERS
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import encode_image, scene

NOTE = "its alpha channel is not a mask"
SIDE = 256


def image_with_hole():
    image = scene(SIDE, SIDE).convert("RGBA")
    image.paste((0, 0, 0, 0), (60, 60, 160, 160))
    return image


def notes_of_plan(model, image, **fields):
    form = {
        "model": model,
        "prompt": "a red ball",
        "image": file_part(encode_image(image)),
        "dry_run": "true",
        **fields,
    }
    response = post_edit(form, {"AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com"})
    assert response.status == 200, response.json
    return response.headers.get("x-retouch-notes", "")


DEFAULT_MODELS = {
    f"{provider.name}/{model.id}": model
    for provider in PROVIDERS
    for model in provider.models
    if model.id == provider.default_model
}
# A model with several operations chooses inpainting for an image with a hole.
MODELS_THAT_NEED_A_MASK = [
    name for name, model in DEFAULT_MODELS.items() if model.requires_mask or model.operations
]
MODELS_THAT_NEED_NO_MASK = [
    "openai/gpt-image-2",
    *sorted(DEFAULT_MODELS.keys() - MODELS_THAT_NEED_A_MASK),
]


@pytest.mark.parametrize("model", MODELS_THAT_NEED_NO_MASK)
def test_note_says_that_transparency_is_not_the_mask(model):
    assert NOTE in notes_of_plan(model, image_with_hole())


@pytest.mark.parametrize("model", MODELS_THAT_NEED_A_MASK)
def test_transparency_is_the_mask_of_a_model_that_needs_one(model):
    assert NOTE not in notes_of_plan(model, image_with_hole())


def test_note_on_transparency_names_the_remedy_of_the_model():
    own = notes_of_plan("openai/gpt-image-2", image_with_hole())
    assert "send preserve=true" in own
    assert NOTE not in notes_of_plan("openai/gpt-image-2", image_with_hole(), preserve="true")
    described = notes_of_plan("google/gemini-nano-banana-2.1", image_with_hole())
    assert "send a mask and preserve=true" in described


def test_note_on_transparency_is_absent_without_alpha_channel_or_with_a_mask():
    assert NOTE not in notes_of_plan("openai/gpt-image-2", scene(SIDE, SIDE))
    mask = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (10, 10, 50, 50))
    masked = notes_of_plan(
        "openai/gpt-image-2", image_with_hole(), mask=file_part(encode_image(mask))
    )
    assert NOTE not in masked
