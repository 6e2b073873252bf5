"""Tests of the mirror's sample events against the deployed function's handler."""

import importlib.util
import json

import pytest

from retouch.infrastructure.lambda_runtime.errors import ErrorReport
from tests.infra.conftest import ROOT
from tests.support.event_outcomes import event_outcome
from tests.support.events import lambda_context
from tests.support.images import photo
from tests.support.mirror import ImageHost, build_mirror
from tools.events import EVENTS_FOLDER, MIRROR_EVENTS
from tools.mirror_events import PICTURE_URL

LOCAL = json.loads((EVENTS_FOLDER / "env" / "local.json").read_text())


@pytest.fixture(scope="module")
def handler():
    """Return the handler of functions/mirror/app.py with the environment of `make invoke`."""
    spec = importlib.util.spec_from_file_location("mirror_app", ROOT / "functions/mirror/app.py")
    assert spec is not None
    assert spec.loader is not None
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**LOCAL["Parameters"], **LOCAL["MirrorFunction"]}.items():
            patch.setenv(name, value)
        app = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(app)
        yield app.handler


def invoke_or_report(handler, event):
    """Invoke the handler. Return its response, or the error report of the runtime."""
    try:
        return handler(event, lambda_context())
    except Exception as error:
        return json.loads(ErrorReport(error).to_json())


@pytest.mark.parametrize("name", [n for n, s in MIRROR_EVENTS.items() if s.outcome])
def test_mirror_sample_event_gets_its_expected_outcome(handler, name):
    event = json.loads((EVENTS_FOLDER / f"{name}.json").read_text())
    assert event_outcome(invoke_or_report(handler, event)) == MIRROR_EVENTS[name].outcome


@pytest.mark.parametrize("name", [n for n, s in MIRROR_EVENTS.items() if s.outcome is None])
def test_mirror_sample_event_stores_the_image_that_it_names(name, aws):
    text = (EVENTS_FOLDER / f"{name}.json").read_text()
    with ImageHost() as host:
        host.files["/hopper.png"] = photo()
        event = json.loads(text.replace(PICTURE_URL, f"{host.url}/hopper.png"))
        response = invoke_or_report(build_mirror(aws, host).handler, event)
    assert "errorType" not in (response or {})
    assert len([key for key in aws.objects() if key.endswith(".png")]) == 1


@pytest.mark.parametrize("name", [n for n, s in MIRROR_EVENTS.items() if s.outcome])
def test_name_of_a_mirror_event_says_whether_the_function_raises(name):
    raises = (MIRROR_EVENTS[name].outcome or ())[0] == "failed"
    assert raises == name.endswith("_raises")


@pytest.mark.parametrize("name", MIRROR_EVENTS)
def test_mirror_event_file_matches_the_generator(name):
    assert (
        json.loads((EVENTS_FOLDER / f"{name}.json").read_text())
        == MIRROR_EVENTS[name].build_event()
    )
