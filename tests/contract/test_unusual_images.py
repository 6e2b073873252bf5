"""Unusual images for every model: refused with a reason before the call, or converted to a form the model accepts."""

from dataclasses import replace

import pytest
from PIL import Image

from retouch.core.edit_types import MaskShapes, ResolvedInputs
from retouch.core.errors import InvalidRequest
from retouch.core.resolved_model import ResolvedModel
from retouch.core.settings import Settings
from retouch.gateway.prepare import prepare_job
from retouch.gateway.validation import validate
from retouch.imaging.formats.structure import strip_metadata
from retouch.planning.image_fit import violations
from retouch.planning.plan import make_plan
from tests.cases.images import all_specs
from tests.contract.registry import MODELS
from tests.support.images import encode_image, scene


def rotated_jpeg(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode_image(scene(200, 150), "JPEG", exif=exif)


UNUSUAL_FILES = {
    **{made.file: made.data for made in all_specs() if made.role == "input"},
    **{f"rotated {orientation}": rotated_jpeg(orientation) for orientation in range(1, 9)},
    "cmyk": encode_image(scene(200, 150).convert("CMYK"), "JPEG"),
    "palette": encode_image(scene(200, 150).quantize(16)),
    "16 bit": encode_image(scene(200, 150).convert("I;16")),
    "long": encode_image(scene(900, 100)),
    "tiny": encode_image(scene(9, 9)),
}
# Models with the same image rules count as one model. An embedded editor gets no converted image.
MODELS_BY_IMAGE_RULES = {
    (
        m.accepted_formats,
        m.upstream_formats,
        m.max_image_bytes,
        m.max_request_bytes,
        m.size_limits,
        m.requires_opaque,
        m.mask_format,
    ): (p, m)
    for p, m in MODELS
    if not m.operations and not m.is_local_editor
}
MASK_SHAPES = {"shapes": [{"type": "box", "x": 0, "y": 0, "width": 3, "height": 3}]}


@pytest.mark.parametrize("how", ["strict", "scale", "pad"])
@pytest.mark.parametrize(
    ("provider", "model"),
    MODELS_BY_IMAGE_RULES.values(),
    ids=lambda x: getattr(x, "id", x.name if hasattr(x, "name") else ""),
)
def test_unusual_image_is_refused_or_converted_to_model_limits(provider, model, how):
    condition = model.operation_match
    extras = {name: "16" for name in (condition.any_params[:1] if condition else ())}
    # This test ignores the other conditions of the operation.
    model = replace(model, operation_match=None)
    sent_count = refused_count = 0
    for name, data in UNUSUAL_FILES.items():
        values = {"prompt": "p", "fit": how, **({} if model.changes_geometry else extras)}
        mask = MaskShapes(MASK_SHAPES) if model.mask_format else None
        try:
            request = validate(ResolvedInputs(values, (data,), mask))
            plan = make_plan(
                ResolvedModel(provider, model, model, {"base_url": "x"}), request, Settings()
            )
            (job, *_) = [prepare_job(job, model) for job in plan.jobs]
        except InvalidRequest as fault:
            assert str(fault), name
            assert fault.code, name
            assert fault.billed == "no"
            refused_count += 1
            continue
        sent_count += 1
        for image in job.images:
            assert image.format in model.upstream_formats, name
            assert not image.has_exif_rotation, name
            assert violations(model, image.size) == [], name
            assert len(image.data) < model.max_image_bytes, name
            assert strip_metadata(image.data, image.format) == image.data, (
                f"{name}: metadata was not removed"
            )
            assert not (model.requires_opaque and image.has_alpha), name
        if job.mask_file:
            assert job.mask_file.size == job.images[0].size, name
    assert refused_count > 10
    # Most of these files are smaller than 256 pixels.
    has_few_valid_files = how == "strict" and model.size_limits.min_edge >= 256
    assert sent_count > 10 or model.changes_geometry or has_few_valid_files
