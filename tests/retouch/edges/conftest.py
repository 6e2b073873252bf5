"""Queues, buckets and a bus for the mirror's tests, started once."""

import pytest

from tests.support import mirror


@pytest.fixture(scope="session")
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
