"""The plan bounds every canvas before a pixel exists: a tiny file of a very long image makes no huge canvas."""

from dataclasses import replace
from importlib import import_module

import pillow_heif
import pytest
from PIL import Image

from retouch.core.edit_types import EncodedImage, Mask
from retouch.core.errors import InvalidRequest
from retouch.core.image_formats import INPUT_FORMATS
from retouch.core.resolved_model import ResolvedModel
from retouch.core.settings import Settings
from retouch.imaging.limits import DEFAULT_LIMITS
from retouch.planning.image_fit import violations
from retouch.planning.plan import make_plan
from tests.contract.registry import MODELS, parameter_id
from tests.support.edit_requests import PLAIN_REQUEST
from tests.support.images import encode_image

SIZES = [(16_383, 1), (1, 16_384), (2, 9000), (1, 1), (6200, 2900)]
# Models with the same image rules count as one model.
IMAGE_RULES = {
    repr(
        (m.params.get("size"), m.size_limits, m.requires_square, m.accepted_formats, m.mask_format)
    ): (p, m)
    for p, m in MODELS
}

for plugin in ("Gif", "Tiff", "Bmp", "Avif"):  # The gateway loads them only when it needs them.
    import_module(f"PIL.{plugin}ImagePlugin")
pillow_heif.register_heif_opener()
# Planning reads the depth and the colours of a file. The size does not come from these files.
FILES = {
    name: encode_image(Image.new("RGB", (1, 1)), {"heic": "heif"}.get(name, name))
    for name in INPUT_FORMATS
}


def edit_request(model, image_format, size, fit):
    image = EncodedImage(FILES[image_format], image_format, *size)
    pixels = Image.new("L", size)
    pixels.paste(255, (0, 0, 1, 1))
    mask = Mask(pixels, 0.1)
    takes_mask = (
        bool(model.mask_format or model.follows_instructions) and not model.changes_geometry
    )
    preserve = None if model.mask_format else takes_mask
    return replace(
        PLAIN_REQUEST,
        images=(image,) * min(2, model.max_images),
        mask=mask if takes_mask else None,
        preserve=preserve,
        fit_mode=fit,
        allow_full_mask=True,
    )


@pytest.mark.parametrize("fit", ["auto", "pad", "scale"])
@pytest.mark.parametrize(("provider", "model"), IMAGE_RULES.values(), ids=parameter_id)
def test_planned_canvas_is_within_gateway_limits(provider, model, fit):
    model = replace(model, operation_match=None, operations=())
    resolved = ResolvedModel(provider, model, model, {"base_url": "x"})
    for image_format in model.accepted_formats:
        for size in SIZES:
            try:
                plan = make_plan(resolved, edit_request(model, image_format, size, fit), Settings())
            except InvalidRequest:
                continue
            assert_canvases_are_bounded(model, plan, size)


def assert_canvases_are_bounded(model, plan, size):
    for image in plan.jobs[0].images:
        conversion = image.conversion
        canvas = conversion.placement.canvas if conversion and conversion.placement else size
        assert max(canvas) <= DEFAULT_LIMITS.side, size
        assert canvas[0] * canvas[1] <= max(size[0] * size[1], 4096 * 4096), size
        assert violations(model, canvas) == [], size
        if conversion and conversion.format == "webp":
            assert max(canvas) < DEFAULT_LIMITS.side, size
            assert canvas[0] * canvas[1] <= DEFAULT_LIMITS.webp_pixels, size


@pytest.mark.parametrize("size", [(16_383, 1), (1, 16_384)])
@pytest.mark.parametrize(("provider", "model"), IMAGE_RULES.values(), ids=parameter_id)
def test_masked_edit_of_very_long_image_is_planned_or_refused_by_name(provider, model, size):
    model = replace(model, operation_match=None, operations=())
    request = edit_request(model, "png", size, "auto")
    try:
        plan = make_plan(
            ResolvedModel(provider, model, model, {"base_url": "x"}), request, Settings()
        )
    except InvalidRequest as error:
        assert error.param in ("image", "image[0]", "prompt"), str(error)
        return
    placement = plan.delivery.placement
    assert placement is None or placement.original == size
