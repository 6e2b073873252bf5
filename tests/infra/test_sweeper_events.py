"""Test of the sweeper's sample event against the deployed function's handler, with the settings of `make invoke`."""

import importlib.util
import json
import os
import time

import pytest

from retouch.infrastructure.local.order_folder import OrderFolderTable
from retouch.orders import transitions
from tests.infra.conftest import ROOT
from tests.support.events import lambda_context
from tests.support.orders import claim
from tools.events import EVENTS_FOLDER, SWEEPER_EVENTS

LOCAL = json.loads((EVENTS_FOLDER / "env" / "local.json").read_text())["SweeperFunction"]


@pytest.mark.parametrize("name", SWEEPER_EVENTS)
def test_sample_event_of_the_schedule_opens_an_order_whose_function_has_ended(
    name, monkeypatch, tmp_path
):
    for variable in [name for name in os.environ if name.startswith("RETOUCH_")]:
        monkeypatch.delenv(variable)
    for variable, value in {**LOCAL, "RETOUCH_ORDERS_FOLDER": str(tmp_path)}.items():
        monkeypatch.setenv(variable, value)
    table, now = OrderFolderTable(str(tmp_path)), int(time.time())
    order = transitions.claim_order(None, claim(lease=now - 1), now - 100)
    order = table.write(order, None)
    path = ROOT / "functions" / "sweeper" / "app.py"
    spec = importlib.util.spec_from_file_location("sweeper_app", path)
    assert spec is not None
    assert spec.loader is not None
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    event = json.loads((EVENTS_FOLDER / f"{name}.json").read_text())
    assert app.handler(event, lambda_context(45)) == {"open": 1}
    stored = table.read(order.key)
    assert stored is not None
    assert stored.state == "open"
