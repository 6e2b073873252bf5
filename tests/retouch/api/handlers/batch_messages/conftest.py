"""A gateway with batches."""

import pytest

from tests.support.batches import BatchGateway
from tests.support.upstream import Upstream


@pytest.fixture
def gateway():
    with Upstream() as upstream:
        yield BatchGateway(upstream)
