"""Every picture arrives whole and in its place; what the mask marks is repainted and nothing else."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
from PIL import Image, ImageChops, ImageStat

from tests.contract.corridor import ask, ran
from tests.contract.enrolled import MODELS, PAID_MODELS, name_of, standin
from tests.contract.orders import hole, subject_size, wanted
from tests.contract.standin import MAGENTA
from tests.support.pictures import box, opened, photo

ORDERS = [(p, m, name) for p, m in PAID_MODELS for name in wanted(p, m)]
MASKED = [(p, m, n) for p, m, n in ORDERS if wanted(p, m)[n].mask]
SENT = [(p, m, n) for p, m, n in MASKED if m.mask.paint != "direct"]
DIRECT = [(p, m) for p, m in MODELS if m.mask and m.mask.paint == "direct"]
TOLERANCE = 24  # of 255: lossy formats, and scaling back


@pytest.mark.parametrize(("provider", "model", "variant"), ORDERS, ids=name_of)
def test_pictures_arrive_whole_and_in_order(provider, model, variant):
    order = wanted(provider, model)[variant]
    arrived = ran(provider.name, model.id, variant).seen.pictures
    for sent, came in zip(order.images, arrived, strict=True):
        assert unlike(opened(sent), opened(came)) <= TOLERANCE


def unlike(one, other):
    """The mean difference of two pictures of one size, 0..255."""
    assert one.size == other.size
    difference = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
    return max(ImageStat.Stat(difference).mean)


def masked_order(provider, model, variant, **params):
    """An order about a photo with a marked box, so small that the box's rim is no great part of it."""
    order = wanted(provider, model)[variant]
    size = subject_size(model)
    images = (photo(*size), *order.images[1:])
    kept = {n: v for n, v in order.params.items() if n in params or not _moves(n)}
    params = {**kept, "preserve": False, **params}
    return replace(order, images=images, mask=hole(*size), params=params, n=1)


def _moves(name):
    """Parameters that change where the mark is, how large the picture is, or what is seen outside the mark."""
    return name in ("size", "aspect_ratio", "resolution", "background", "grow_mask", "upscale")


@pytest.mark.parametrize(("provider", "model", "variant"), SENT, ids=name_of)
def test_what_is_marked_is_repainted_and_nothing_else(provider, model, variant):
    order = masked_order(provider, model, variant)
    with standin(provider) as server:
        outcome = ask(order, server)
    assert outcome.error is None
    inside, outside = apart(order.images[0], outcome.pictures[0])
    assert marked(model, server.seen(server.calls[0]).mask) == box(*subject_size(model))
    assert inside <= TOLERANCE, "the mark was not repainted"
    assert outside <= TOLERANCE, "what was not marked was repainted"


def marked(model, mask):
    """The box that a mask marks in the words of the model's card."""
    picture = opened(mask)
    assert picture.mode == model.mask.mode
    inverted = {"alpha": True, "black": True, "white": False}[model.mask.paint]
    band = picture.getchannel("A") if model.mask.paint == "alpha" else picture.convert("L")
    grey = ImageChops.invert(band) if inverted else band
    return grey.point(lambda value: 255 * (value > 127)).getbbox()


def apart(before, after):
    """How far the mark is from magenta, and the rest from what it was; mean of each, 0..255."""
    first = opened(before).convert("RGB")
    result = opened(after).convert("RGB").resize(first.size)
    left, top, right, bottom = box(*first.size)
    rim = 3
    paint = Image.new("RGB", first.size, MAGENTA)
    core = (left + rim, top + rim, right - rim, bottom - rim)
    inside = unlike(paint.crop(core), result.crop(core))
    around = (left - rim, top - rim, right + rim + 1, bottom + rim + 1)
    for picture in (first, result):
        picture.paste((0, 0, 0), around)
    worst = ImageStat.Stat(ImageChops.difference(first, result)).extrema
    return inside, max(high for _, high in worst) / 2


@pytest.mark.parametrize(
    ("provider", "model"), [(p, m) for p, m in PAID_MODELS if m.instructs and not m.mask], ids=name_of
)  # fmt: skip
def test_what_is_told_in_words_is_kept_here(provider, model):
    (variant, *_) = wanted(provider, model)
    order = masked_order(provider, model, variant, preserve=True)
    with standin(provider) as server:
        outcome = ask(order, server)
    assert outcome.error is None
    inside, outside = apart(order.images[0], outcome.pictures[0])
    assert inside <= TOLERANCE
    assert outside <= TOLERANCE


@pytest.mark.parametrize(("provider", "model"), DIRECT, ids=name_of)
def test_what_is_done_here_changes_the_mark_alone(provider, model):
    order = masked_order(provider, model, next(iter(wanted(provider, model))), output_format="png")
    with standin(provider) if provider.paid else nullcontext() as server:
        outcome = ask(order, server)
    assert outcome.error is None
    _, outside = apart(order.images[0], outcome.pictures[0])
    assert outside == 0
    mark = box(*subject_size(model))
    before, after = (opened(data).crop(mark) for data in (order.images[0], outcome.pictures[0]))
    assert unlike(before, after) > TOLERANCE
