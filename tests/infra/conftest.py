"""Fixtures: the template as plain dictionaries with all functions in their long form, and edits with telemetry."""

from pathlib import Path

import pytest
from cfnlint.decode import decode

from retouch.api.handlers.edits import build_handler
from tests.support.events import form_event, lambda_context
from tests.support.gateway_client import telemetry
from tests.support.services import build_services
from tests.support.telemetry_edits import FIELDS, PROVIDER_ENV

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def template():
    decoded, problems = decode(str(ROOT / "template.yaml"))
    assert not problems
    return decoded


@pytest.fixture(scope="session")
def resources(template):
    return template["Resources"]


@pytest.fixture(scope="session")
def function(resources):
    return resources["EditsFunction"]["Properties"]


@pytest.fixture(scope="session")
def api(resources):
    return resources["Api"]["Properties"]


@pytest.fixture(scope="session")
def routes(function):
    """Return {(method, path): properties} of every route."""
    events = [event["Properties"] for event in function["Events"].values()]
    return {(event["Method"], event["Path"]): event for event in events}


@pytest.fixture
def edit(capsys):
    """Return a function that sends an edit to the handler, reads its whole response and returns the printed text."""

    def send(fields=FIELDS, env=PROVIDER_ENV, event=None, services=None, by_model=False):
        handler = build_handler(services or build_services(env), lambda: None, telemetry(by_model))
        response = handler(event or form_event(fields), lambda_context())
        body = response.get("body", b"")
        if not isinstance(body, bytes | memoryview | str):
            b"".join(body)
        return capsys.readouterr().out

    return send
