"""Tests of the built function in a container, as `make invoke` runs it. Skipped without a container runtime."""

import json

import pytest

from tests.e2e.sam_build import run_make
from tests.support.event_outcomes import status_and_code
from tests.support.sam_local import time_invocation
from tools.events import EVENTS, EVENTS_FOLDER

pytestmark = [pytest.mark.timeout(400)]


def test_sample_events_get_their_status_in_the_container(endpoint):
    for name, sample in EVENTS.items():
        response, _ = time_invocation(endpoint, (EVENTS_FOLDER / f"{name}.json").read_bytes())
        if isinstance(response.get("body"), str):
            response["body"] = response["body"].encode()
        assert status_and_code(response) == (sample.status, sample.code), name


def test_make_invoke_prints_an_edited_image(sam_build):
    completed = run_make("invoke", "EVENT=events/edit_direct_invoke.json")
    assert completed.returncode == 0, completed.stderr
    (image,) = json.loads(completed.stdout.splitlines()[-1])["data"]
    assert image["b64_json"]
