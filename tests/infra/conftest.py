"""Fixtures: the template as plain dictionaries, with !Ref and other short functions in their long form."""

from pathlib import Path

import pytest
from cfnlint.decode import decode

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
