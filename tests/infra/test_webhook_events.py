"""Test of the sample event of the webhooks function with the settings of `make invoke`."""

import importlib.util
import json
import os

import pytest

from tests.infra.conftest import ROOT
from tests.support.events import lambda_context
from tools.events import EVENTS_FOLDER, WEBHOOK_EVENTS

LOCAL = json.loads((EVENTS_FOLDER / "env" / "local.json").read_text())["WebhooksFunction"]


@pytest.mark.parametrize("name", WEBHOOK_EVENTS)
def test_sample_message_of_a_missing_delivery_is_finished(name, monkeypatch, tmp_path, resources):
    variables = resources["WebhooksFunction"]["Properties"]["Environment"]["Variables"]
    assert set(LOCAL) - set(variables) == {"RETOUCH_ORDERS_FOLDER"}
    for variable in [name for name in os.environ if name.startswith("RETOUCH_")]:
        monkeypatch.delenv(variable)
    for variable, value in {**LOCAL, "RETOUCH_ORDERS_FOLDER": str(tmp_path)}.items():
        monkeypatch.setenv(variable, value)
    path = ROOT / "functions" / "webhooks" / "app.py"
    spec = importlib.util.spec_from_file_location("webhooks_app", path)
    assert spec is not None
    assert spec.loader is not None
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    event = json.loads((EVENTS_FOLDER / f"{name}.json").read_text())
    assert app.handler(event, lambda_context(45)) == {"batchItemFailures": []}
