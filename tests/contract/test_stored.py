"""The fullest orders of every model become the calls that are stored, byte for byte but for how files are encoded."""

import json

import pytest

from tests.contract.corridor import ran
from tests.contract.enrolled import PAID_MODELS, name_of
from tests.contract.orders import wanted
from tests.contract.store import file_of, main

ORDERS = [(p, m, name) for p, m in PAID_MODELS for name in wanted(p, m)]


@pytest.mark.parametrize(("provider", "model", "variant"), ORDERS, ids=name_of)
def test_calls_are_as_stored(provider, model, variant):
    calls = ran(provider.name, model.id, variant).calls
    stored = json.loads(file_of(provider, model).read_text())
    assert calls == stored[variant], "if that is meant: python -m tests.contract.store"


def test_a_name_that_no_provider_has_is_told_and_nothing_is_stored(capsys):
    assert main(["openai", "acme-images"]) == 2
    said = capsys.readouterr().out
    assert said.startswith("No provider is called acme-images. There are: ")
    assert said.endswith("vertex-ai.\n")
