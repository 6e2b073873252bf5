from dataclasses import replace

import pytest

from retouch.core.capabilities import ModelCapabilities, Price
from retouch.core.cost_ceiling import cost_ceiling
from retouch.core.edit_types import EncodedImage
from retouch.core.pricing import estimate_cost
from retouch.core.provider_protocol import ProviderJob
from retouch.core.sizes import FixedSizes
from retouch.providers import PROVIDERS
from tests.support.images import photo

IMAGE = EncodedImage(photo(64, 64), "png", 64, 64)
JOB = ProviderJob("m", "a red hat", (IMAGE,))
MODELS = [
    pytest.param(provider, model, id=f"{provider.name}/{model.id}")
    for provider in PROVIDERS
    for model in provider.models
    if model.price != Price()
]
GPT_IMAGE = next(
    model for provider in PROVIDERS for model in provider.models if model.id == "gpt-image-2"
)


def ceiling(model, job=JOB, operator_ceilings=None, provider="p", jobs=1):
    return cost_ceiling(model, [job] * jobs, operator_ceilings or {}, provider)


@pytest.mark.parametrize(("provider", "model"), MODELS)
def test_ceiling_of_every_model_with_a_price_is_at_least_its_estimate(provider, model):
    for n in (1, 4):
        job = replace(JOB, n=n)
        estimate = estimate_cost(model, [job], n)
        amount = ceiling(model, job, provider=provider.name)
        assert amount is not None
        assert estimate is None or amount >= estimate.micro_dollars


def test_ceiling_of_a_price_per_image_is_exact():
    model = ModelCapabilities(id="m", price=Price(per_image=0.05, per_call=0.001))
    assert ceiling(model, replace(JOB, n=4)) == 201_000
    assert ceiling(model, jobs=4) == 204_000


def test_model_without_a_price_has_no_ceiling_unless_the_operator_gives_one():
    model = ModelCapabilities(id="m")
    assert ceiling(model) is None
    assert ceiling(model, replace(JOB, n=2), {"p/m": 70_000}) == 140_000
    assert ceiling(model, operator_ceilings={"m": 50_000}) == 50_000
    assert ceiling(model, operator_ceilings={"other/m": 50_000}) is None


def test_ceiling_of_tokens_grows_with_quality_size_prompt_and_images():
    def amount(**changes):
        return ceiling(GPT_IMAGE, replace(JOB, params={"quality": "low"}, **changes))

    low = amount()
    assert ceiling(GPT_IMAGE, replace(JOB, params={"quality": "high"})) > low
    assert ceiling(GPT_IMAGE, replace(JOB, params={"quality": "low", "size": "2048x2048"})) > low
    assert amount(prompt="x" * 32_000) > low + 150_000
    assert amount(images=(IMAGE,) * 4) > low
    partials = {"quality": "low", "partial_images": 3}
    assert ceiling(GPT_IMAGE, replace(JOB, params=partials)) == low + 9000


@pytest.mark.parametrize("params", [{}, {"quality": "auto"}, {"quality": "high"}], ids=str)
def test_quality_that_the_model_chooses_counts_as_the_dearest(params):
    assert ceiling(GPT_IMAGE, replace(JOB, params=params)) > 211_000


TOKEN_PRICE = Price(image_out=30.0, per_image=0.04, per_call=0.001)


def test_price_of_each_call_counts_once_for_every_call_also_where_tokens_are_billed():
    model = ModelCapabilities(id="m", price=TOKEN_PRICE)
    assert ceiling(model) == 51_000
    assert ceiling(model, jobs=3) == 153_000


@pytest.mark.parametrize(
    ("size", "amount"),
    [("1024x1024", 51_000), ("1536x1024", 76_000), ("auto", 76_000), ("", 76_000)],
)
def test_size_that_the_model_chooses_counts_as_its_largest(size, amount):
    sizes = FixedSizes(("auto", "1024x1024", "1536x1024"))
    model = ModelCapabilities(id="m", price=TOKEN_PRICE, params={"size": sizes})
    params = {"size": size} if size else {}
    assert ceiling(model, replace(JOB, params=params)) == amount
