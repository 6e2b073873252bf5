"""With a provider that repaints everything, the pixels outside the mask stay identical to the original."""

import base64
import io
import json

import pytest
from PIL import Image, ImageChops

from tests.contract import paint
from tests.contract.region_models import MODELS_THAT_EDIT_A_REGION
from tests.contract.registry import make_standin, parameter_id
from tests.contract.runner import services_for
from tests.contract.sample_requests import sample_image_size
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import encode_image, scene


@pytest.mark.parametrize("output", ["png", "webp"])
@pytest.mark.parametrize(
    ("provider", "model"), MODELS_THAT_EDIT_A_REGION.values(), ids=parameter_id
)
def test_preserve_with_mask_leaves_pixels_outside_unchanged(provider, model, output, monkeypatch):
    monkeypatch.setattr(paint, "EVERYWHERE", True)
    width, height = sample_image_size(model)
    original = scene(width, height)
    box = (width // 4, height // 4, width // 2, height // 2)
    shape = {"type": "box", "x": box[0], "y": box[1], "width": width // 4, "height": height // 4}
    fields = {
        "model": f"{provider.name}/{model.id}",
        "image": file_part(encode_image(original)),
        "mask": json.dumps({"shapes": [shape]}),
        "preserve": "true",
        "output_format": output,
        **({"prompt": "p"} if model.prompt_mode != "unread" else {}),
    }
    with make_standin(provider) as server:
        response = post_edit(fields, services=services_for(server))
    assert response.status == 200, response.json
    edited = Image.open(io.BytesIO(base64.b64decode(response.json["data"][0]["b64_json"])))
    assert edited.size == original.size
    difference = ImageChops.difference(edited.convert("RGB"), original).convert("L")
    assert difference.getbbox(), "the marked box was not repainted"
    difference.paste(0, box)
    assert difference.getbbox() is None
    preserved_count = width * height - (width // 4) * (height // 4)
    assert response.headers["x-retouch-preserved-pixels"] == str(preserved_count)
