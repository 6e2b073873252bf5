"""Every sample event keeps the promise in its name, through the function as it is deployed."""

import importlib
import json
import sys

import pytest

from tests.infra.conftest import ROOT
from tests.support.events import context
from tools.events import EVENTS, FOLDER, MIRROR_EVENTS

LOCAL = json.loads((FOLDER / "env" / "local.json").read_text())["Parameters"]


@pytest.fixture(scope="module")
def handler():
    """functions/edits/app.py with what `make invoke` gives it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**LOCAL, "RETOUCH_CORS_ORIGINS": "*"}.items():
            patch.setenv(name, value)
        patch.syspath_prepend(str(ROOT / "functions" / "edits"))
        patch.delitem(sys.modules, "app", raising=False)
        yield importlib.import_module("app").handler
        sys.modules.pop("app", None)


def outcome(answer):
    """(status, error code) of a proxy response or of a direct invoke's value."""
    if "statusCode" not in answer:
        return answer["retouch"]["status"], answer.get("error", {}).get("code")
    if answer["statusCode"] < 400:
        return answer["statusCode"], None
    return answer["statusCode"], json.loads(bytes(answer["body"]))["error"]["code"]


def test_the_files_are_those_of_the_generator():
    assert {file.stem for file in FOLDER.glob("*.json")} == {*EVENTS, *MIRROR_EVENTS}


@pytest.mark.parametrize("name", EVENTS)
def test_the_promise(handler, name):
    event = json.loads((FOLDER / f"{name}.json").read_text())
    assert outcome(handler(event, context())) == (EVENTS[name].status, EVENTS[name].code)


@pytest.mark.parametrize("name", EVENTS)
def test_files_stay_small(name):
    assert (FOLDER / f"{name}.json").stat().st_size < 8_000
