"""The sample requests of every model become exactly the stored calls. Only the encoding of image files may differ."""

import json

import pytest

from tests.contract.registry import PAID_MODELS, parameter_id
from tests.contract.runner import run_sample
from tests.contract.sample_requests import sample_requests
from tests.contract.stored_calls import main, stored_file

SAMPLES = [(p, m, name) for p, m in PAID_MODELS for name in sample_requests(p, m)]


@pytest.mark.parametrize(("provider", "model", "variant"), SAMPLES, ids=parameter_id)
def test_provider_calls_match_stored_calls(provider, model, variant):
    calls = run_sample(provider.name, model.id, variant).calls
    stored = json.loads(stored_file(provider, model).read_text())
    assert calls == stored[variant], (
        "if the change is intended: python -m tests.contract.stored_calls"
    )


def test_store_command_with_unknown_provider_reports_name_and_stores_nothing(capsys):
    assert main(["openai", "acme-images"]) == 2
    output = capsys.readouterr().out
    assert output.startswith("Unknown provider: acme-images. Known providers: ")
    assert output.endswith("vertex-ai.\n")
