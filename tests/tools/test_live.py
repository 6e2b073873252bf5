"""Tests of the live check against fake providers."""

import json
from dataclasses import replace

import pytest

from retouch.providers import PROVIDERS
from tests.contract.standins.azure_openai import AzureOpenAIStandIn
from tests.contract.standins.openai import OpenAIStandIn
from tests.support.images import decode_image
from tools import live
from tools.live_samples import encode_png, sample_edit

AZURE = next(p for p in PROVIDERS if p.name == "azure-openai")


@pytest.fixture
def run_live(tmp_path, capsys, monkeypatch):
    """Return a function that runs the command with these variables and returns (status, output)."""

    def run(env, *arguments):
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        status = live.main([*arguments, "--into", str(tmp_path)])
        printed = capsys.readouterr()
        for name, value in env.items():
            assert not name.endswith("KEY") or value not in printed.out + printed.err
        return status, printed.out

    return run


def test_live_checks_every_available_model_and_saves_its_image(run_live, tmp_path):
    with AzureOpenAIStandIn() as server:
        status, output = run_live(server.env(), "azure-openai")
        requested = [received.path.split("/")[3] for received in server.calls]
    assert status == 0
    available = [model.id for model in live.available_models(AZURE)]
    assert requested == available
    for model in available:
        assert f"azure-openai/{model} " in output
        assert (
            decode_image((tmp_path / "azure-openai" / f"{model}.0.png").read_bytes()).size[0] >= 816
        )
    assert f"{len(available)} models checked, 0 failed, about $" in output
    assert "dall-e-2" not in output


def test_live_sends_the_cheapest_settings_of_the_model(run_live):
    with OpenAIStandIn() as server:
        status, _ = run_live(server.env(), "openai", "--model", "gpt-image-2.6-flare")
        (received,) = server.calls
    assert status == 0
    assert received.fields["quality"] == "low"
    assert received.fields["complexity"] == "low"
    assert received.fields["size"] == "816x816"
    assert [name for name, *_ in received.files] == ["image", "mask"]


def test_live_prints_the_provider_error_when_an_edit_fails(run_live, tmp_path):
    with OpenAIStandIn() as server:
        server.fail_with(server.failures()["quota_insufficient_quota"])
        status, output = run_live(server.env(), "openai", "--model", "gpt-image-2")
    assert status == 1
    assert "FAILED 429 insufficient_quota: no money (billed: no)" in output
    saved = json.loads((tmp_path / "openai" / "gpt-image-2.json").read_text())
    assert saved["status"] == 429


class InvertedMaskOpenAI(OpenAIStandIn):
    """A fake provider that inverts the mask."""

    def image_response(self, seen):
        mask = decode_image(seen.mask)
        mask.putalpha(mask.getchannel("A").point(lambda alpha: 255 - alpha))
        return super().image_response(replace(seen, mask=encode_png(mask)))


def test_live_fails_a_model_that_changes_unmarked_pixels(run_live):
    with InvertedMaskOpenAI() as server:
        status, output = run_live(server.env(), "openai", "--model", "gpt-image-2")
    assert status == 1
    assert "FAILED" in output


def test_live_without_a_key_sends_no_request(run_live, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    text = "openai was not checked: there is no key in OPENAI_API_KEY.\n"
    assert run_live({}, "openai") == (0, text)


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("openai", "OPENAI_API_KEY"),
        ("azure-openai", "AZURE_OPENAI_CLIENT_SECRET"),
        ("vertex-ai", "VERTEX_AI_SERVICE_ACCOUNT_JSON"),
        ("vertex-ai", "VERTEX_AI_CREDENTIALS_JSON"),
        ("bedrock", "BEDROCK_API_KEY"),
        ("bedrock", "AWS_BEARER_TOKEN_BEDROCK"),
    ],
)
def test_missing_key_variable_accepts_every_documented_credential(provider, variable):
    (definition,) = [p for p in PROVIDERS if p.name == provider]
    assert live.missing_key_variable(definition, {variable: "x"}) == ""
    assert (
        live.missing_key_variable(definition, {variable: ""}) == f"{definition.env_prefix}_API_KEY"
    )


def test_missing_key_variable_ignores_settings_without_credentials():
    settings = {"AZURE_OPENAI_ENDPOINT": "https://acme.example", "AZURE_OPENAI_DEPLOYMENTS": "a=b"}
    assert live.missing_key_variable(AZURE, settings) == "AZURE_OPENAI_API_KEY"
    assert (
        live.missing_key_variable(AZURE, {"AZURE_OPENAI_BASE_URL": "u"}) == "AZURE_OPENAI_API_KEY"
    )


def test_live_with_incomplete_credentials_names_the_missing_variables(run_live, monkeypatch):
    monkeypatch.delenv("AZURE_OPENAI_API_KEY", raising=False)
    with AzureOpenAIStandIn() as server:
        env = {"AZURE_OPENAI_ENDPOINT": server.url, "AZURE_OPENAI_TENANT_ID": "t"}
        status, output = run_live(env, "azure-openai", "--model", "gpt-image-2")
        assert server.calls == []
    assert status == 1
    assert "set AZURE_OPENAI_CLIENT_ID and AZURE_OPENAI_CLIENT_SECRET" in output


@pytest.mark.parametrize("name", ["nobody", "local"])
def test_live_with_unknown_provider_lists_the_paid_providers(name, run_live):
    status, output = run_live({}, name)
    assert status == 2
    assert "openai, azure-openai" in output
    assert "local" not in output.partition("There are")[2]


@pytest.mark.parametrize("provider", [p for p in PROVIDERS if p.is_paid], ids=lambda p: p.name)
def test_sample_edit_is_valid_for_every_model_of_the_provider(provider):
    for model in provider.models:
        sample = sample_edit(model)
        assert (sample.mask is not None) == (model.mask_format is not None)
        for name, value in sample.fields.items():
            assert name == "prompt" or model.params[name].read(name, value) == value
        if model.operation_match and model.operation_match.any_params:
            assert set(model.operation_match.any_params) & sample.fields.keys()
