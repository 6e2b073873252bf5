"""Which model is meant and who serves it."""

from datetime import date

import pytest

from retouch.errors import InvalidRequest, ModelNotFound
from retouch.plan.connect import connect
from retouch.plan.resolve import resolve
from retouch.providers import PROVIDERS
from retouch.settings import Settings
from retouch.wire.caller import Caller

ENV = {
    "OPENAI_API_KEY": "sk",
    "AZURE_OPENAI_API_KEY": "az",
    "AZURE_OPENAI_ENDPOINT": "https://a.example",
}
TODAY = date(2026, 11, 22)


def target(model=None, provider=None, today=TODAY, **env):
    settings = Settings.from_env({**ENV, **env})
    caller = Caller(provider)
    return connect(resolve(model, caller, PROVIDERS, settings, today), caller, settings)


@pytest.mark.parametrize(
    ("model", "provider", "full"),
    [
        ("openai/gpt-image-2", None, "openai/gpt-image-2"),
        ("gpt-image-2", None, "openai/gpt-image-2"),
        ("gpt-image-2", "azure-openai", "azure-openai/gpt-image-2"),
        ("azure-openai/gpt-image-2", "azure-openai", "azure-openai/gpt-image-2"),
        ("erase", None, "local/erase"),
        (None, None, "local/erase"),
        (None, "local", "local/erase"),
        (None, "openai", "openai/gpt-image-2"),
        ("my-deployment", "azure-openai", "azure-openai/my-deployment"),
    ],
)
def test_found(model, provider, full):
    assert target(model, provider).model_id == full


def test_the_operators_default_is_for_requests_that_name_nothing():
    env = {"RETOUCH_DEFAULT_MODEL": "openai/gpt-image-2.5-flare"}
    assert target(**env).model_id == "openai/gpt-image-2.5-flare"
    assert target(None, "local", **env).model_id == "local/erase"


@pytest.mark.parametrize(
    ("model", "provider", "error"),
    [
        ("nobody/nothing", None, ModelNotFound),
        ("gpt-image-99", None, ModelNotFound),
        ("openai/", None, InvalidRequest),
        ("a b", None, InvalidRequest),
        ("../x", None, InvalidRequest),
        ("openai/gpt-image-2", "azure-openai", InvalidRequest),
        (None, "nobody", InvalidRequest),
    ],
)
def test_refused(model, provider, error):
    with pytest.raises(error):
        target(model, provider)


@pytest.mark.parametrize(
    ("today", "serving"),
    [
        (date(2026, 11, 30), "openai/gpt-image-1.5"),
        (date(2026, 12, 1), "openai/gpt-image-2.6-sunburst"),
    ],
)
def test_a_model_serves_until_the_day_it_ends(today, serving):
    found = target("gpt-image-1.5", today=today)
    assert found.model_id == serving
    assert found.asked.id == "gpt-image-1.5"
    assert found.headers["Sunset"] == "Tue, 01 Dec 2026 00:00:00 GMT"


def test_keys_are_in_no_repr():
    env = {"OPENAI_API_KEY": "sk-canary-repr"}
    found = target("gpt-image-2", **env)
    assert found.key == "sk-canary-repr"
    assert "canary" not in repr(found)
    assert "canary" not in repr(Settings.from_env(env))
