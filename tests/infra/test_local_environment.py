"""Tests of events/env/local.json, with which `sam local invoke` runs a function without an account."""

import json

import pytest

from tools.events import EVENTS_FOLDER

LOCAL = json.loads((EVENTS_FOLDER / "env" / "local.json").read_text())
FUNCTIONS = (
    "EditsFunction",
    "WorkerFunction",
    "MirrorFunction",
    "WebhooksFunction",
    "SweeperFunction",
    "AdminFunction",
)
AWS_SUFFIXES = ("_TABLE", "_QUEUE", "_BUS", "_DEAD_LETTERS", "_SECRET_ID", "_BUCKET", "_PATH")


def test_every_function_of_the_template_is_tested_here(resources):
    kinds = {name: resource["Type"] for name, resource in resources.items()}
    assert {name for name in kinds if kinds[name] == "AWS::Serverless::Function"} == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_local_function_calls_no_service_that_the_template_names(resources, name):
    """SAM gives a variable of the template its placeholder, such as `UsageTable`, when the file leaves it out."""
    variables = resources[name]["Properties"]["Environment"]["Variables"]
    of_services = {key for key in variables if key.endswith(AWS_SUFFIXES)}
    local = LOCAL.get(name, LOCAL["Parameters"])
    assert {key for key in of_services if key not in local} == set()
    stores = {key: local[key] for key in of_services if key != "RETOUCH_BUCKET"}
    assert set(stores.values()) == {""}
