"""The Gemini stand-in."""

import pytest

from tests.contract.standins.google import GeminiStandIn


@pytest.fixture
def gemini():
    with GeminiStandIn() as server:
        yield server
