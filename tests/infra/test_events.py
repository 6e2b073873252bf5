"""Tests of the sample events against the deployed function's handler."""

import importlib
import json
import sys

import pytest

from tests.infra.conftest import ROOT
from tests.support.event_outcomes import status_and_code
from tests.support.events import lambda_context
from tools.events import (
    EVENTS,
    EVENTS_FOLDER,
    MIRROR_EVENTS,
    SWEEPER_EVENTS,
    WEBHOOK_EVENTS,
    WORKER_EVENTS,
)

LOCAL = json.loads((EVENTS_FOLDER / "env" / "local.json").read_text())["Parameters"]


@pytest.fixture(scope="module")
def handler(tmp_path_factory):
    """Return the handler of functions/edits/app.py with the environment of `make invoke`."""
    with pytest.MonkeyPatch.context() as patch:
        folder = str(tmp_path_factory.mktemp("orders"))
        values = {**LOCAL, "RETOUCH_CORS_ORIGINS": "*", "RETOUCH_ORDERS_FOLDER": folder}
        for name, value in values.items():
            patch.setenv(name, value)
        patch.syspath_prepend(str(ROOT / "functions" / "edits"))
        patch.delitem(sys.modules, "app", raising=False)
        yield importlib.import_module("app").handler
        sys.modules.pop("app", None)


def test_event_files_are_exactly_the_generated_files():
    assert {file.stem for file in EVENTS_FOLDER.glob("*.json")} == {
        *EVENTS,
        *MIRROR_EVENTS,
        *SWEEPER_EVENTS,
        *WORKER_EVENTS,
        *WEBHOOK_EVENTS,
    }


@pytest.mark.parametrize("name", EVENTS)
def test_sample_event_gets_its_expected_status_and_code(handler, name):
    event = json.loads((EVENTS_FOLDER / f"{name}.json").read_text())
    assert status_and_code(handler(event, lambda_context())) == (
        EVENTS[name].status,
        EVENTS[name].code,
    )


@pytest.mark.parametrize("name", EVENTS)
def test_event_file_is_smaller_than_8_kb(name):
    assert (EVENTS_FOLDER / f"{name}.json").stat().st_size < 8_000
