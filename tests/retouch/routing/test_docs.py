"""What docs/routing.md shows is taken."""

import re
from pathlib import Path

import orjson
import pytest

from retouch.providers import PROVIDERS
from retouch.routing.tree import leaves
from tests.retouch.routing.asked import parse

DOCS = Path(__file__).parents[3] / "docs/routing.md"
EXAMPLES = re.findall(r"```json\n(.*?)```", DOCS.read_text(), re.S)


def test_there_are_three_examples():
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_taken_and_names_what_exists(example):
    providers = {provider.name: provider for provider in PROVIDERS}
    models = {model.id for provider in PROVIDERS for model in provider.models}
    for leaf in leaves(parse(orjson.loads(example))):
        assert leaf.virtual_key or leaf.provider in providers
        assert leaf.override_params.get("model", "gpt-image-2") in models
