"""Tests of the cost of an edit: stated by the provider, else computed from its usage, else estimated."""

import pytest

from retouch.core.capabilities import ModelCapabilities, Price
from retouch.core.edit_types import Conversion, EncodedImage, GeneratedImage
from retouch.core.geometry import Placement
from retouch.core.pricing import Cost, edit_cost, estimate_cost
from retouch.core.provider_protocol import ProviderJob
from retouch.core.sizes import SizeRange
from retouch.providers import PROVIDERS

TOKEN_PRICED_MODEL = ModelCapabilities(
    id="t", price=Price(per_image=0.05, text_in=5, image_in=8, image_out=30)
)
IMAGE_PRICED_MODEL = ModelCapabilities(id="f", price=Price(per_image=0.04))
QUALITY_PRICED_MODEL = ModelCapabilities(
    id="q",
    price=Price(
        per_image=0.2,
        deciding_param="quality",
        per_image_by_value={"low": 0.01, "high": 0.2},
        image_out=30,
    ),
)
USAGE = {
    "input_tokens": 1100,
    "output_tokens": 1000,
    "input_tokens_details": {"text_tokens": 100, "image_tokens": 1000},
}
FOUR_MEGAPIXELS = (2048, 2048)


def sent_image(size=(1024, 1024), canvas=None):
    width, height = size
    placement = Placement(canvas, (0, 0, *canvas), size) if canvas else None
    return EncodedImage(
        b"", "png", width, height, conversion=Conversion("png", placement) if canvas else None
    )


def job(*images, **params):
    return ProviderJob("m", "p", images or (sent_image(),), params=params)


def generated_images(count=1, cost=None):
    return [GeneratedImage(cost_micro_dollars=cost)] * count


def find_model(provider_name, model_id):
    (provider,) = [one for one in PROVIDERS if one.name == provider_name]
    model = provider.find_model(model_id)
    assert model is not None
    return model


def test_cost_is_computed_from_usage():
    result = edit_cost(TOKEN_PRICED_MODEL, [job()], generated_images(), USAGE)
    assert result == Cost(100 * 5 + 1000 * 8 + 1000 * 30, estimated=False)
    assert str(result) == "0.0385"


def test_cost_without_usage_is_an_estimate():
    assert str(edit_cost(TOKEN_PRICED_MODEL, [job()], generated_images(2))) == "0.1 estimated"


def test_cost_with_price_per_image_is_no_estimate():
    assert str(edit_cost(IMAGE_PRICED_MODEL, [job()], generated_images(3), USAGE)) == "0.12"


def test_cost_of_a_model_without_price_is_unknown():
    model = ModelCapabilities(id="x")
    assert edit_cost(model, [job()], generated_images(), USAGE) is None
    assert estimate_cost(model, [job()], 1) is None


def test_cost_that_the_provider_states_needs_no_price():
    assert (
        str(edit_cost(ModelCapabilities(id="x"), [job()], generated_images(2, cost=18_000)))
        == "0.036"
    )
    assert (
        str(edit_cost(TOKEN_PRICED_MODEL, [job()], generated_images(1, cost=18_000), USAGE))
        == "0.018"
    )


def test_cost_is_estimated_when_one_image_states_none():
    images = [*generated_images(1, cost=18_000), *generated_images(1)]
    assert str(edit_cost(TOKEN_PRICED_MODEL, [job()], images)) == "0.1 estimated"


@pytest.mark.parametrize(
    ("micro_dollars", "text"),
    [(1, "0.000001"), (34_048, "0.034048"), (12_345_678, "12.345678"), (10_000_000, "10")],
)
def test_text_of_a_cost_has_every_micro_dollar(micro_dollars, text):
    assert str(Cost(micro_dollars, estimated=False)) == text


def test_text_output_tokens_have_their_own_price():
    thinker = ModelCapabilities(
        id="g", price=Price(per_image=0.1, text_in=2, image_in=2, text_out=12, image_out=120)
    )
    split = {"output_tokens_details": {"text_tokens": 400, "image_tokens": 600}}
    result = edit_cost(thinker, [job()], generated_images(), {**USAGE, **split})
    assert result == Cost(1100 * 2 + 400 * 12 + 600 * 120, estimated=False)


def test_usage_without_output_tokens_gives_an_estimate():
    result = edit_cost(TOKEN_PRICED_MODEL, [job()], generated_images(), {"input_tokens": 100})
    assert str(result) == "0.05 estimated"


def test_price_per_call_does_not_grow_with_image_count():
    planner = ModelCapabilities(id="r", price=Price(per_call=0.003))
    assert str(edit_cost(planner, [job()], generated_images(3))) == "0.003"
    assert str(edit_cost(planner, [job(), job()], generated_images(3))) == "0.006"


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "0.2 estimated"),
        ({"quality": "low"}, "0.01 estimated"),
        ({"quality": "auto"}, "0.2 estimated"),
    ],
)
def test_estimate_depends_on_the_deciding_parameter(params, text):
    assert str(estimate_cost(QUALITY_PRICED_MODEL, [job(**params)], 1)) == text


@pytest.mark.parametrize(
    ("model_id", "images", "size", "dollars"),
    [
        ("flux-2-pro", [(1024, 1024)], "1024x1024", 0.045),
        ("flux-2-klein-9b", [(1024, 1024)], "1024x1024", 0.017),
        ("flux-2-max", [FOUR_MEGAPIXELS] * 2, "2048x2048", 0.4),
        ("flux-2-flex", [(1024, 1025)], "64x64", 0.15),  # a started megapixel counts in full
        ("flux-2-pro", [(4096, 4096)], "auto", 0.03 + 3 * 0.015 + 16 * 0.015),
    ],
)
def test_price_by_area_counts_input_and_result(model_id, images, size, dollars):
    model = find_model("black-forest-labs", model_id)
    request = job(*map(sent_image, images), size=size)
    assert estimate_cost(model, [request], 1) == Cost(round(dollars * 1e6), estimated=True)


def test_price_by_area_counts_the_image_as_it_is_sent():
    model = ModelCapabilities(
        id="a",
        price=Price(per_image=0.03, per_megapixel=0.01),
        params={"size": SizeRange(16, 2048, 1, 4_194_304, 8)},
    )
    scaled = sent_image(FOUR_MEGAPIXELS, canvas=(1024, 1024))
    assert str(estimate_cost(model, [job(scaled)], 1)) == "0.04 estimated"


@pytest.mark.parametrize(
    ("provider", "model_id", "counts", "micro_dollars"),
    [
        # A measured answer: 5 tokens in, 298 tokens of text and 1120 of an image out.
        ("google", "gemini-3.1-flash-lite-image", (5, 0, 298, 1120), 34_048),
        ("google", "gemini-3-pro-image", (10, 1120, 225, 1120), 139_360),
        ("google", "gemini-3.1-flash-image", (10, 1120, 100, 1120), 68_065),
        ("google", "gemini-2.5-flash-image", (10, 0, 4, 1290), 38_713),
        ("openai", "gpt-image-1", (10, 1000, 0, 1056), 52_290),
    ],
)
def test_tokens_of_every_kind_are_priced(provider, model_id, counts, micro_dollars):
    text_in, image_in, text_out, image_out = counts
    usage = {
        "input_tokens": text_in + image_in,
        "output_tokens": text_out + image_out,
        "input_tokens_details": {"text_tokens": text_in, "image_tokens": image_in},
        "output_tokens_details": {"text_tokens": text_out, "image_tokens": image_out},
    }
    result = edit_cost(find_model(provider, model_id), [job()], generated_images(), usage)
    assert result == Cost(micro_dollars, estimated=False)


@pytest.mark.parametrize(
    ("model_id", "dollars"),
    [
        ("gpt-image-2", 0.211),
        ("gpt-image-2.5-flare", 0.053),
        ("gpt-image-1.5", 0.133),
        ("gpt-image-1-mini", 0.011),
    ],
)
def test_azure_estimate_is_for_the_default_quality(model_id, dollars):
    assert find_model("azure-openai", model_id).price.per_image == dollars
