"""Tests that the gateway accepts the examples of docs/routing.md."""

import re
from pathlib import Path

import orjson
import pytest

from retouch.gateway.routing.tree import iter_targets
from retouch.providers import PROVIDERS
from tests.retouch.gateway.routing.routed_run import parse

DOCS = Path(__file__).parents[4] / "docs/routing.md"
EXAMPLES = re.findall(r"```json\n(.*?)```", DOCS.read_text(), re.S)


def test_routing_docs_hold_three_examples():
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("example", EXAMPLES)
def test_docs_example_is_valid_and_names_existing_models(example):
    providers = {provider.name: provider for provider in PROVIDERS}
    models = {model.id for provider in PROVIDERS for model in provider.models}
    for target in iter_targets(parse(orjson.loads(example))):
        assert target.virtual_key or target.provider in providers
        assert target.override_params.get("model", "gpt-image-2") in models
