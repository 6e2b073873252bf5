"""The built mirror function in a container, with each of its events. Not run where there is no container runtime."""

import json
import urllib.error

import pytest

from tests.e2e.test_sam_local import endpoint, invoke, local  # noqa: F401 - fixtures
from tests.infra.test_mirror_events import outcome
from tools.events import FOLDER, MIRROR_EVENTS

pytestmark = [pytest.mark.timeout(400)]


def test_every_event_keeps_its_promise_in_the_container(endpoint):  # noqa: F811
    address = endpoint.replace("EditsFunction", "MirrorFunction")
    for name, sample in MIRROR_EVENTS.items():
        try:
            answer, _ = invoke(address, (FOLDER / f"{name}.json").read_bytes())
        except urllib.error.HTTPError as failed:
            answer = json.load(failed)
        if isinstance(answer.get("body"), str):
            answer["body"] = answer["body"].encode()
        assert outcome(answer) == sample.outcome, name
