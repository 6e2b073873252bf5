"""Every sample event of the mirror keeps its promise, through the function as it is deployed."""

import importlib.util
import json

import pytest

from retouch.runtime.failures import Failure
from tests.infra.conftest import ROOT
from tests.support.events import context
from tools.events import FOLDER, MIRROR_EVENTS

LOCAL = json.loads((FOLDER / "env" / "local.json").read_text())


@pytest.fixture(scope="module")
def handler():
    """functions/mirror/app.py with what `make invoke` gives it."""
    spec = importlib.util.spec_from_file_location("mirror_app", ROOT / "functions/mirror/app.py")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**LOCAL["Parameters"], **LOCAL["MirrorFunction"]}.items():
            patch.setenv(name, value)
        app = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(app)
        yield app.handler


def outcome(answer):
    """What a sample promises, of an answer or of a failed invocation's report."""
    if "errorType" in answer:
        return "failed", answer["errorType"]
    if "batchItemFailures" in answer:
        return tuple(failure["itemIdentifier"] for failure in answer["batchItemFailures"])
    body = json.loads(bytes(answer["body"])) if "body" in answer else answer
    status = answer.get("statusCode") or answer["retouch"]["status"]
    if "error" in body:
        return status, body["error"]["code"]
    return status, *(item["error"]["code"] for item in body["data"])


def invoke(handler, event):
    """As the runtime reports it."""
    try:
        return handler(event, context())
    except Exception as error:
        return json.loads(Failure(error).document())


@pytest.mark.parametrize("name", MIRROR_EVENTS)
def test_the_promise(handler, name):
    event = json.loads((FOLDER / f"{name}.json").read_text())
    assert outcome(invoke(handler, event)) == MIRROR_EVENTS[name].outcome


@pytest.mark.parametrize("name", MIRROR_EVENTS)
def test_the_file_is_what_the_generator_makes(name):
    assert json.loads((FOLDER / f"{name}.json").read_text()) == MIRROR_EVENTS[name].make()
