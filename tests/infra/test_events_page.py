"""Tests of docs/events.md: its schema takes the sample events, and its recipes and machines are valid."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from retouch.inbox.recipe import parse_recipe
from tests.infra.conftest import ROOT
from tools.events import EVENTS_FOLDER

PAGE = (ROOT / "docs" / "events.md").read_text()
SCHEMA = json.loads((ROOT / "docs" / "events.schema.json").read_text())


def sample(name):
    event = json.loads((EVENTS_FOLDER / f"{name}.json").read_text())
    return json.loads(event["Records"][0]["body"]) if "Records" in event else event


@pytest.fixture(scope="module")
def validator():
    Draft202012Validator.check_schema(SCHEMA)
    return Draft202012Validator(SCHEMA)


@pytest.mark.parametrize(
    "name",
    ["edit_direct_invoke", "edit_step_functions", "worker_edit_sqs", "worker_edit_sqs_task_token"],
)
def test_schema_takes_the_sample_edits(validator, name):
    assert list(validator.iter_errors(sample(name))) == []


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"hello": 1},
        {"prompt": 7},
        {"prompt": "p", "raise": "yes"},
        {"prompt": "p", "deadline": 5},
        {"prompt": "p", "stream": True},
        {"prompt": "p", "images": []},
        {"prompt": "p", "idempotency_key": ""},
    ],
)
def test_schema_refuses_what_the_function_refuses(validator, event):
    assert list(validator.iter_errors(event))


def test_recipe_of_the_page_is_valid():
    (text,) = re.findall(r'```json\n(\{"edit".*?)```', PAGE, re.DOTALL)
    assert parse_recipe("white", text.encode(), "e").edit["prompt"] == "white background"


def test_page_names_every_field_of_a_recipe_and_of_a_message():
    from retouch.inbox.recipe import _PARSERS

    for name in (*_PARSERS, "idempotency_key", "reply_to", "task_token", "raise"):
        assert f"`{name}`" in PAGE, name
