"""A gateway with jobs."""

import pytest

from tests.support.jobs import JobGateway
from tests.support.upstream import Upstream


@pytest.fixture
def gateway():
    with Upstream() as upstream:
        yield JobGateway(upstream)
