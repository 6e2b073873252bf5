"""The Reka stand-in."""

import pytest

from tests.contract.standins.reka_ai import RekaStandIn


@pytest.fixture
def server():
    with RekaStandIn() as standin:
        yield standin
