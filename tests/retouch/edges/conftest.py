"""Queues, buckets and a bus, started once a file: no longer, so that no other test finds them running."""

import pytest

from tests.support import mirror


@pytest.fixture(scope="module")
def moto():
    with mirror.aws() as running:
        yield running


@pytest.fixture
def aws(moto):
    """Empty."""
    moto.fresh()
    return moto


@pytest.fixture
def web():
    with mirror.Host() as server:
        yield server
