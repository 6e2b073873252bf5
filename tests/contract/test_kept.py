"""A provider that repaints everything: outside the mask the answer is the caller's own, to the last bit."""

import base64
import io
import json

import pytest
from PIL import Image, ImageChops

from tests.contract import paint
from tests.contract.corridor import house_of
from tests.contract.enrolled import PAID_MODELS, name_of, standin
from tests.contract.orders import subject_size
from tests.support.door import edit, png
from tests.support.pictures import encoded, scene

# Whoever is told where to edit, by a mask or in words. One model of each operation and way of being told is enough.
TOLD = {
    (provider.name, model.mask, model.operation): (provider, model)
    for provider, model in PAID_MODELS
    if not model.chooses and (model.instructs or (model.mask and model.mask.paint != "direct"))
}


@pytest.mark.parametrize("output", ["png", "webp"])
@pytest.mark.parametrize(("provider", "model"), TOLD.values(), ids=name_of)
def test_nothing_outside_the_mask_changes(provider, model, output, monkeypatch):
    monkeypatch.setattr(paint, "EVERYWHERE", True)
    width, height = subject_size(model)
    original = scene(width, height)
    box = (width // 4, height // 4, width // 2, height // 2)
    shape = {"type": "box", "x": box[0], "y": box[1], "width": width // 4, "height": height // 4}
    fields = {
        "model": f"{provider.name}/{model.id}",
        "image": png(encoded(original)),
        "mask": json.dumps({"shapes": [shape]}),
        "preserve": "true",
        "output_format": output,
        **({"prompt": "p"} if model.prompt != "unread" else {}),
    }
    with standin(provider) as server:
        answer = edit(fields, house=house_of(server))
    assert answer.status == 200, answer.json
    edited = Image.open(io.BytesIO(base64.b64decode(answer.json["data"][0]["b64_json"])))
    assert edited.size == original.size
    changed = ImageChops.difference(edited.convert("RGB"), original).convert("L")
    assert changed.getbbox(), "the marked box was repainted"
    changed.paste(0, box)
    assert changed.getbbox() is None
    kept = width * height - (width // 4) * (height // 4)
    assert answer.headers["x-retouch-preserved-pixels"] == str(kept)
