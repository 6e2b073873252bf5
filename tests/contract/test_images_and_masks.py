"""Every image arrives complete and in order. Only the region that the mask marks is repainted."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
from PIL import Image, ImageChops, ImageStat

from tests.contract.registry import MODELS, PAID_MODELS, make_standin, parameter_id
from tests.contract.runner import run_sample, send_request
from tests.contract.sample_requests import sample_image_size, sample_requests
from tests.contract.standin import MAGENTA
from tests.support.images import box_mask, center_box, decode_image, photo

SAMPLES = [(p, m, name) for p, m in PAID_MODELS for name in sample_requests(p, m)]
MASKED_SAMPLES = [(p, m, n) for p, m, n in SAMPLES if sample_requests(p, m)[n].mask]


def _sends_mask(model):
    assert model.mask_format is not None
    return model.mask_format.polarity != "direct"


SAMPLES_WITH_SENT_MASK = [(p, m, n) for p, m, n in MASKED_SAMPLES if _sends_mask(m)]
MODELS_EDITED_LOCALLY = [
    (p, m) for p, m in MODELS if m.mask_format and m.mask_format.polarity == "direct"
]
INSTRUCTION_MODELS = [
    (p, m) for p, m in PAID_MODELS if m.follows_instructions and not m.mask_format
]
TOLERANCE = 24  # of 255: for lossy formats and for scaling back to the original size


@pytest.mark.parametrize(("provider", "model", "variant"), SAMPLES, ids=parameter_id)
def test_images_arrive_at_provider_unchanged_and_in_order(provider, model, variant):
    request = sample_requests(provider, model)[variant]
    arrived_images = run_sample(provider.name, model.id, variant).first_call.images
    for sent, received in zip(request.images, arrived_images, strict=True):
        assert mean_difference(decode_image(sent), decode_image(received)) <= TOLERANCE


def mean_difference(first, second):
    """Return the mean difference of two images of the same size, 0..255: the highest of the channels."""
    assert first.size == second.size
    difference = ImageChops.difference(first.convert("RGB"), second.convert("RGB"))
    return max(ImageStat.Stat(difference).mean)


def masked_request(provider, model, variant, **params):
    """Return a sample request with a photo and a marked box.

    Parameters that move the region are removed. The region is not preserved unless `params` asks for it.
    """
    request = sample_requests(provider, model)[variant]
    size = sample_image_size(model)
    images = (photo(*size), *request.images[1:])
    unaffected = {n: v for n, v in request.params.items() if n in params or not _is_region_param(n)}
    params = {**unaffected, "preserve": False, **params}
    return replace(request, images=images, mask=box_mask(*size), params=params, n=1)


def _is_region_param(name):
    """Return whether a parameter changes the region, the image size or the pixels outside the region."""
    return name in ("size", "aspect_ratio", "resolution", "background", "grow_mask", "upscale")


@pytest.mark.parametrize(("provider", "model", "variant"), SAMPLES_WITH_SENT_MASK, ids=parameter_id)
def test_masked_edit_repaints_only_marked_region(provider, model, variant):
    request = masked_request(provider, model, variant)
    with make_standin(provider) as server:
        outcome = send_request(request, server)
    assert outcome.error is None
    inside, outside = region_differences(request.images[0], outcome.images[0])
    assert marked_box(model, server.parse_request(server.calls[0]).mask) == center_box(
        *sample_image_size(model)
    )
    assert inside <= TOLERANCE, "the marked region was not repainted"
    assert outside <= TOLERANCE, "pixels outside the marked region were repainted"


def marked_box(model, mask):
    """Return the box that a mask marks in the mask format of the model."""
    image = decode_image(mask)
    assert image.mode == model.mask_format.mode
    inverted = {"alpha": True, "black": True, "white": False}[model.mask_format.polarity]
    band = image.getchannel("A") if model.mask_format.polarity == "alpha" else image.convert("L")
    marked_band = ImageChops.invert(band) if inverted else band
    return marked_band.point(lambda value: 255 * (value > 127)).getbbox()


def region_differences(before, after):
    """Return two differences, 0..255: inside the region from magenta, and outside the region from the original.

    The first is a mean. The second is half of the maximum. A margin of 3 pixels around the box edge is ignored.
    """
    first = decode_image(before).convert("RGB")
    result = decode_image(after).convert("RGB").resize(first.size)
    left, top, right, bottom = center_box(*first.size)
    margin = 3
    paint = Image.new("RGB", first.size, MAGENTA)
    core = (left + margin, top + margin, right - margin, bottom - margin)
    inside = mean_difference(paint.crop(core), result.crop(core))
    around = (left - margin, top - margin, right + margin + 1, bottom + margin + 1)
    for image in (first, result):
        image.paste((0, 0, 0), around)
    worst = ImageStat.Stat(ImageChops.difference(first, result)).extrema
    return inside, max(high for _, high in worst) / 2


@pytest.mark.parametrize(("provider", "model"), INSTRUCTION_MODELS, ids=parameter_id)
def test_instruction_model_with_preserve_changes_only_marked_region(provider, model):
    (variant, *_) = sample_requests(provider, model)
    request = masked_request(provider, model, variant, preserve=True)
    with make_standin(provider) as server:
        outcome = send_request(request, server)
    assert outcome.error is None
    inside, outside = region_differences(request.images[0], outcome.images[0])
    assert inside <= TOLERANCE
    assert outside <= TOLERANCE


@pytest.mark.parametrize(("provider", "model"), MODELS_EDITED_LOCALLY, ids=parameter_id)
def test_local_edit_changes_only_marked_region(provider, model):
    request = masked_request(
        provider, model, next(iter(sample_requests(provider, model))), output_format="png"
    )
    with make_standin(provider) if provider.is_paid else nullcontext() as server:
        outcome = send_request(request, server)
    assert outcome.error is None
    _, outside = region_differences(request.images[0], outcome.images[0])
    assert outside == 0
    region = center_box(*sample_image_size(model))
    before, after = (
        decode_image(data).crop(region) for data in (request.images[0], outcome.images[0])
    )
    assert mean_difference(before, after) > TOLERANCE
