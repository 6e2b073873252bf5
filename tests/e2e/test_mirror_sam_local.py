"""Test of the built mirror function in a container, with each sample event. Skipped without a container runtime."""

import json
import urllib.error

import pytest

from tests.support.event_outcomes import event_outcome
from tests.support.sam_local import time_invocation
from tools.events import EVENTS_FOLDER, MIRROR_EVENTS

pytestmark = [pytest.mark.timeout(400)]


def test_mirror_sample_events_get_their_outcome_in_the_container(endpoint):
    address = endpoint.replace("EditsFunction", "MirrorFunction")
    offline = {name: sample for name, sample in MIRROR_EVENTS.items() if sample.outcome}
    for name, sample in offline.items():
        try:
            response, _ = time_invocation(address, (EVENTS_FOLDER / f"{name}.json").read_bytes())
        except urllib.error.HTTPError as error:
            response = json.load(error)
        if isinstance(response.get("body"), str):
            response["body"] = response["body"].encode()
        assert event_outcome(response) == sample.outcome, name
