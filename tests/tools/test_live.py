"""The live test, against stand-ins instead of the real thing."""

import json
from dataclasses import replace

import pytest

from retouch.providers import PROVIDERS
from tests.contract.standins.azure_openai import AzureOpenAI
from tests.contract.standins.openai import OpenAI
from tests.support.pictures import opened
from tools import live
from tools.live_orders import encoded, order

AZURE = next(p for p in PROVIDERS if p.name == "azure-openai")


@pytest.fixture
def visit(tmp_path, capsys, monkeypatch):
    """Run the command with these variables: (status, what was printed)."""

    def command(env, *arguments):
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        status = live.main([*arguments, "--into", str(tmp_path)])
        printed = capsys.readouterr()
        for name, value in env.items():
            assert not name.endswith("KEY") or value not in printed.out + printed.err
        return status, printed.out

    return command


def test_every_living_model_is_asked_and_its_picture_kept(visit, tmp_path):
    with AzureOpenAI() as server:
        status, said = visit(server.env(), "azure-openai")
        asked = [received.path.split("/")[3] for received in server.calls]
    assert status == 0
    living = [model.id for model in live.live(AZURE)]
    assert asked == living
    for model in living:
        assert f"azure-openai/{model} " in said
        assert opened((tmp_path / "azure-openai" / f"{model}.0.png").read_bytes()).size[0] >= 816
    assert f"{len(living)} models asked, 0 failed, about $" in said
    assert "dall-e-2" not in said


def test_the_cheapest_settings_are_sent(visit):
    with OpenAI() as server:
        status, _ = visit(server.env(), "openai", "--model", "gpt-image-2.6-flare")
        (call,) = server.calls
    assert status == 0
    assert call.fields["quality"] == "low"
    assert call.fields["complexity"] == "low"
    assert call.fields["size"] == "816x816"
    assert [name for name, *_ in call.files] == ["image", "mask"]


def test_a_failure_is_told_in_the_providers_words(visit, tmp_path):
    with OpenAI() as server:
        server.fail(server.failures()["quota_insufficient_quota"])
        status, said = visit(server.env(), "openai", "--model", "gpt-image-2")
    assert status == 1
    assert "FAILED 429 insufficient_quota: no money (billed: no)" in said
    kept = json.loads((tmp_path / "openai" / "gpt-image-2.json").read_text())
    assert kept["status"] == 429


class Inverted(OpenAI):
    """Repaints what is not marked."""

    def at_once(self, seen):
        mask = opened(seen.mask)
        mask.putalpha(mask.getchannel("A").point(lambda alpha: 255 - alpha))
        return super().at_once(replace(seen, mask=encoded(mask)))


def test_a_model_that_repaints_the_rest_has_failed(visit):
    with Inverted() as server:
        status, said = visit(server.env(), "openai", "--model", "gpt-image-2")
    assert status == 1
    assert "FAILED" in said


def test_without_a_key_nothing_is_asked(visit, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert visit({}, "openai") == (0, "openai was not asked: no key in OPENAI_API_KEY.\n")


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
def test_every_documented_credential_counts_as_a_key(provider, variable):
    (card,) = [p for p in PROVIDERS if p.name == provider]
    assert live.missing_key(card, {variable: "x"}) == ""
    assert live.missing_key(card, {variable: ""}) == f"{card.env}_API_KEY"


def test_settings_are_no_credential():
    settings = {"AZURE_OPENAI_ENDPOINT": "https://acme.example", "AZURE_OPENAI_DEPLOYMENTS": "a=b"}
    assert live.missing_key(AZURE, settings) == "AZURE_OPENAI_API_KEY"
    assert live.missing_key(AZURE, {"AZURE_OPENAI_BASE_URL": "u"}) == "AZURE_OPENAI_API_KEY"


def test_credentials_that_were_only_begun_are_told_by_who_would_vouch(visit, monkeypatch):
    monkeypatch.delenv("AZURE_OPENAI_API_KEY", raising=False)
    with AzureOpenAI() as server:
        env = {"AZURE_OPENAI_ENDPOINT": server.url, "AZURE_OPENAI_TENANT_ID": "t"}
        status, said = visit(env, "azure-openai", "--model", "gpt-image-2")
        assert server.calls == []
    assert status == 1
    assert "set AZURE_OPENAI_CLIENT_ID and AZURE_OPENAI_CLIENT_SECRET" in said


@pytest.mark.parametrize("name", ["nobody", "local"])
def test_an_unknown_provider(name, visit):
    status, said = visit({}, name)
    assert status == 2
    assert "openai, azure-openai" in said
    assert "local" not in said.partition("There are")[2]


@pytest.mark.parametrize("provider", [p for p in PROVIDERS if p.paid], ids=lambda p: p.name)
def test_every_card_permits_its_order(provider):
    for model in provider.models:
        sent = order(model)
        assert (sent.mask is not None) == (model.mask is not None)
        for name, value in sent.fields.items():
            assert name == "prompt" or model.params[name].read(name, value) == value
        if model.when and model.when.given:
            assert set(model.when.given) & sent.fields.keys()
