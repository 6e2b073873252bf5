"""Editors that run inside the gateway get the caller's own pixels: outside the mask, the result has every one of them.

The expected pixels are those that Pillow and LittleCMS show: upright, and converted to sRGB by the image's profile.
"""

import base64
import json
import zlib
from dataclasses import replace

import pytest
from PIL import Image, ImageChops

from retouch.core.edit_types import MaskShapes, ResolvedInputs
from retouch.core.resolved_model import ResolvedModel
from retouch.core.settings import Settings
from retouch.gateway.prepare import prepare_job
from retouch.gateway.validation import validate
from retouch.imaging.colour_space import encode_srgb_level
from retouch.planning.plan import make_plan
from retouch.providers import reka_ai
from tests.cases.images.build import IEND_CHUNK, SIGNATURE, chunk, header
from tests.contract.registry import MODELS
from tests.contract.standins.reka_ai import RekaStandIn
from tests.retouch.imaging import icc_profiles
from tests.retouch.imaging.displayed import displayed_pixels
from tests.retouch.imaging.samples import exif_with_orientation, sample_image
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import decode_image, encode_image
from tests.support.services import build_services

SIZE = (60, 40)
BOX = {"type": "box", "x": 12, "y": 12, "width": 12, "height": 12}
MARKED = (12, 12, 24, 24)  # inside an image of either orientation
EMBEDDED_EDITORS = {m.id: (p, m) for p, m in MODELS if m.is_local_editor and not m.operations}
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
P3 = icc_profiles.rgb_profile(icc_profiles.P3)
ADOBE = icc_profiles.rgb_profile(ADOBE_RGB)


def picture(mode="RGB"):
    """Return noise with a gradient of alpha, also where the colours are hidden by an alpha of 0."""
    image = sample_image(SIZE)
    image.putalpha(Image.linear_gradient("L").resize(SIZE).point(lambda v: max(0, v - 60)))
    return image.convert(mode) if "A" in mode else image.convert("RGB").convert(mode)


def palette_picture():
    image = picture().quantize(32)
    return encode_image(image, transparency=bytes((0, 90, 255, 0)))


def ycck_jpeg():
    """Return a JPEG with four channels whose Adobe segment says YCCK."""
    data = bytearray(encode_image(picture("CMYK"), "JPEG"))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def gamma_png(gamma):
    data = encode_image(picture())
    return data[:33] + chunk(b"gAMA", gamma.to_bytes(4)) + data[33:]


def interlaced_png():
    """Return a grey PNG of one level whose lines are stored in seven passes."""
    passes = ((8, 8), (8, 8), (4, 8), (4, 4), (2, 4), (2, 2), (1, 2))
    starts = ((0, 0), (4, 0), (0, 4), (2, 0), (0, 2), (1, 0), (0, 1))
    data = b""
    for (across, down), (left, top) in zip(passes, starts, strict=True):
        columns, rows = range(left, SIZE[0], across), range(top, SIZE[1], down)
        data += b"".join(b"\0" + bytes((3 * x + y) % 256 for x in columns) for y in rows)
    return SIGNATURE + header(*SIZE, 8, 0, 1) + chunk(b"IDAT", zlib.compress(data)) + IEND_CHUNK


def encode_turned_picture(orientation, mode="RGB", format="JPEG", **options):
    return encode_image(picture(mode), format, exif=exif_with_orientation(orientation), **options)


LOSSLESS = {"lossless": True, "exact": True}
PICTURES = {
    **{f"jpeg turned {n}": encode_turned_picture(n) for n in range(2, 9)},
    "grey jpeg turned": encode_turned_picture(6, "L"),
    "png turned": encode_turned_picture(8, "RGBA", "PNG"),
    "webp turned": encode_turned_picture(5, "RGBA", "WEBP", **LOSSLESS),
    "jpeg of Display P3": encode_image(picture(), "JPEG", icc_profile=P3),
    "jpeg of Adobe RGB turned": encode_turned_picture(6, icc_profile=ADOBE),
    "grey jpeg with profile": encode_image(
        picture("L"), "JPEG", icc_profile=icc_profiles.grey_profile(1.8)
    ),
    "cmyk jpeg": encode_image(picture("CMYK"), "JPEG"),
    "cmyk jpeg turned": encode_turned_picture(3, "CMYK"),
    "cmyk jpeg with profile": encode_image(
        picture("CMYK"), "JPEG", icc_profile=icc_profiles.cmyk_profile()
    ),
    "ycck jpeg": ycck_jpeg(),
    "jpeg with broken profile": encode_image(picture(), "JPEG", icc_profile=b"profile!" * 9),
    "lossless webp of Adobe RGB": encode_image(
        picture("RGBA"), "WEBP", icc_profile=ADOBE, **LOSSLESS
    ),
    "lossy webp of Display P3": encode_image(picture(), "WEBP", icc_profile=P3),
    "png with hidden colours": encode_image(picture("RGBA")),
    "png with hidden colours of Display P3": encode_image(picture("RGBA"), icc_profile=P3),
    "png of grey and alpha": encode_image(picture("LA")),
    "png with palette and alpha": palette_picture(),
    "bilevel png": encode_image(picture("1")),
    "interlaced png": interlaced_png(),
}


def edit_with(model_id, data):
    """Return the image and the header with the number of kept pixels after an edit of the box."""
    fields = {"image": file_part(data), "prompt": "p", "mask": json.dumps({"shapes": [BOX]})}
    if model_id == "erase":
        response = post_edit({"model": "local/erase", **fields})
    else:
        with RekaStandIn() as server:
            server.planner_replies = ['{"steps": [{"op": "greyscale"}]}']
            services = build_services(server.env(), providers=(reka_ai.PROVIDER,))
            response = post_edit({"model": f"reka-ai/{model_id}", **fields}, services=services)
    assert response.status == 200, response.json
    result = decode_image(base64.b64decode(response.json["data"][0]["b64_json"]))
    return result, response.headers["x-retouch-preserved-pixels"]


def count_changes(first, second):
    """Return the number of pixels outside the box that differ in colour or alpha."""
    changed = Image.new("L", first.size)
    for band in ImageChops.difference(first.convert("RGBA"), second.convert("RGBA")).split():
        changed = ImageChops.lighter(changed, band)
    changed.paste(0, MARKED)
    return changed.width * changed.height - changed.histogram()[0]


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("model_id", ["erase", "reka-flash"])
def test_every_pixel_outside_the_mask_is_the_callers(model_id, name):
    expected = displayed_pixels(PICTURES[name])
    result, preserved = edit_with(model_id, PICTURES[name])
    assert result.size == expected.size
    assert count_changes(result, expected) == 0
    assert preserved == str(SIZE[0] * SIZE[1] - 12 * 12)


@pytest.mark.parametrize("model_id", ["erase", "reka-flash"])
@pytest.mark.parametrize("gamma", [100_000, 55_556])
def test_result_of_png_with_gamma_has_its_displayed_colours(model_id, gamma):
    result, _ = edit_with(model_id, gamma_png(gamma))
    levels = [round(255 * encode_srgb_level((v / 255) ** (100_000 / gamma))) for v in range(256)]
    assert count_changes(result, picture().point(levels * 3)) == 0


@pytest.mark.parametrize(
    ("provider", "model"), EMBEDDED_EDITORS.values(), ids=lambda x: getattr(x, "id", None)
)
@pytest.mark.parametrize("name", PICTURES)
def test_embedded_editor_gets_the_callers_file(provider, model, name):
    data = PICTURES[name]
    inputs = ResolvedInputs({"prompt": "p"}, (data,), MaskShapes({"shapes": [BOX]}))
    plan = make_plan(
        ResolvedModel(provider, model, model, {"base_url": "x"}), validate(inputs), Settings()
    )
    for job in plan.jobs:
        assert prepare_job(job, replace(model)).images[0].data is data
    assert [note for note in plan.notes if note.startswith("image:")] == colour_notes(name)


def colour_notes(name):
    """Return the notes on the colours of a picture. The profiles here have no names."""
    if name.split()[0] in ("cmyk", "ycck"):
        return ["image: the CMYK colours of the jpeg were converted to sRGB"]
    has_profile = any(text in name for text in ("Display P3", "Adobe RGB", "with profile"))
    return ["image: its colours were converted to sRGB"] if has_profile else []
