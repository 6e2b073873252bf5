"""Odd pictures times every card: refused with a reason before the call, or sent in a form that the card allows."""

from dataclasses import replace

import pytest
from PIL import Image

from retouch.errors import InvalidRequest
from retouch.messages import Material, Shapes
from retouch.pixels.structure import essence
from retouch.plan import fit
from retouch.plan.geometry import troubles
from retouch.plan.resolve import Target
from retouch.prepare import prepare
from retouch.settings import Settings
from retouch.wire.wish import validate
from tests.cases.images import everything
from tests.contract.enrolled import MODELS
from tests.support.pictures import encoded, scene


def rotated(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(scene(200, 150), "JPEG", exif=exif)


ODD = {
    **{made.file: made.data for made in everything() if made.role == "input"},
    **{f"rotated {orientation}": rotated(orientation) for orientation in range(1, 9)},
    "cmyk": encoded(scene(200, 150).convert("CMYK"), "JPEG"),
    "palette": encoded(scene(200, 150).quantize(16)),
    "16 bit": encoded(scene(200, 150).convert("I;16")),
    "long": encoded(scene(900, 100)),
    "tiny": encoded(scene(9, 9)),
}
# Cards that ask the same of a picture are one card here.
ALIKE = {
    (m.accepts, m.inputs, m.image_bytes, m.request_bytes, m.bounds, m.opaque, m.mask): (p, m)
    for p, m in MODELS
    if not m.chooses
}
MOST = {"shapes": [{"type": "box", "x": 0, "y": 0, "width": 3, "height": 3}]}


@pytest.mark.parametrize("how", ["strict", "scale", "pad"])
@pytest.mark.parametrize(
    ("provider", "model"),
    ALIKE.values(),
    ids=lambda x: getattr(x, "id", x.name if hasattr(x, "name") else ""),
)
def test_refused_or_fit_for_the_card(provider, model, how):
    when = model.when
    extras = {name: "16" for name in (when.given[:1] if when else ())}
    # What a card needs beside the picture is not the question here.
    model = replace(model, when=None)
    sent = refused = 0
    for name, data in ODD.items():
        values = {"prompt": "p", "fit": how, **({} if model.reshapes else extras)}
        mask = Shapes(MOST) if model.mask else None
        try:
            wish = validate(Material(values, (data,), mask))
            plan = fit(Target(provider, model, model, {"base_url": "x"}), wish, Settings())
            (job, *_) = [prepare(job, model) for job in plan.jobs]
        except InvalidRequest as fault:
            assert str(fault), name
            assert fault.code, name
            assert fault.billed == "no"
            refused += 1
            continue
        sent += 1
        for picture in job.images:
            assert picture.format in model.inputs, name
            assert not picture.rotated, name
            assert troubles(model, picture.size) == [], name
            assert len(picture.data) < model.image_bytes, name
            assert essence(picture.data, picture.format) == picture.data, (
                f"{name}: metadata is left"
            )
            assert not (model.opaque and picture.has_alpha), name
        if job.mask_file:
            assert job.mask_file.size == job.images[0].size, name
    assert refused > 10
    assert sent > 10 or model.reshapes
