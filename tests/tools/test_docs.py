"""Tests of the generated sections of the documentation."""

from dataclasses import fields

import pytest

from retouch.core.capabilities import ModelCapabilities, OperationMatch, Price, Provider
from retouch.core.parameters import EnumParam, NotForwarded
from retouch.core.sizes import AspectRatios, SameAsInput
from retouch.planning.retirement import Retirement
from retouch.providers import PROVIDERS
from tools import docs, model_fields

FIELD_NAMES = [field.name for field in fields(ModelCapabilities)]
MODELS = [(provider, model) for provider in PROVIDERS for model in provider.models]


@pytest.mark.parametrize("over", [True, False])
@pytest.mark.parametrize("make", [make for _, _, make in docs.SECTIONS])
def test_generated_section_does_not_depend_on_the_date(make, over, monkeypatch):
    first_text = make()
    monkeypatch.setattr(Retirement, "is_shut_down", lambda *_: over)
    assert make() == first_text


def test_replace_section_changes_only_the_text_between_its_markers():
    text = "a\n<!-- x:start -->\nold\n<!-- x:end -->\nb\n"
    assert docs.replace_section(text, "x", "new") == text.replace("old", "new")
    with pytest.raises(ValueError, match="has no <!-- y:start -->"):
        docs.replace_section(text, "y", "new")


def test_every_field_of_the_capabilities_has_a_meaning():
    assert list(model_fields.FIELD_MEANINGS) == FIELD_NAMES


@pytest.mark.parametrize(
    ("provider", "model"), MODELS, ids=lambda v: v.name if isinstance(v, Provider) else v.id
)
def test_models_page_has_every_field_of_the_model(provider, model):
    page = (docs.ROOT / "docs/models.md").read_text()
    _, _, rest = page.partition(f"<details><summary><code>{provider.name}/{model.id}</code>")
    block, _, _ = rest.partition("</details>")
    rows = [line.split("`")[1] for line in block.splitlines() if line.startswith("| `")]
    assert rows == FIELD_NAMES


@pytest.mark.parametrize("provider", [p for p in PROVIDERS if p.deployment_template])
def test_models_page_has_the_deployment_template(provider):
    page = (docs.ROOT / "docs/models.md").read_text()
    assert f"<details><summary><code>{provider.name}/*</code>" in page


def test_block_has_the_details_of_a_model():
    model = ModelCapabilities(
        id="sample",
        max_request_bytes=7_500_000,
        params={
            "quality": EnumParam(("low", "high"), {"hd": "high"}),
            "user": NotForwarded(EnumParam(("a|b",)), "there is no such field"),
            "size": AspectRatios(("1:1", "3:2"), {"1K": 1024, "2K": 2048}),
            "mask_size": SameAsInput(edge_multiple=8),
        },
        price=Price(per_image=0.05, image_out=30, source="the price page"),
        operation_match=OperationMatch(mask=True, prompt=False),
        requires_mask=True,
    )
    block = model_fields.model_block("acme/sample", model)
    assert "| `max_request_bytes` | 7500000 |" in block
    assert "`quality`: one of low, high; `aliases`: hd = high<br>" in block
    assert "`user`: a\\|b; not sent to the provider: there is no such field<br>" in block
    assert "in a shape of 1:1, 3:2; `tiers`: 1K = 1024, 2K = 2048<br>" in block
    assert "in the shape of the first image; `edge_multiple`: 8 |" in block
    assert "| `price` | `per_image`: 0.05, `image_out`: 30, `source`: the price page |" in block
    assert "| `operation_match` | `mask`: yes, `prompt`: no |" in block
    assert "| `requires_mask` | yes |" in block
    assert "| `mask_format` | none |" in block
