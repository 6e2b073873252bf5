"""What tests of all folders share: the measured coverage, and the AWS stand-in of the mirror."""

import pytest

from tests.support.mirror import start_moto_aws


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure the coverage of the tests that mirror the package. Measuring costs a third of the CPU time."""
    for item in items:
        if not item.nodeid.startswith("tests/retouch/"):
            item.add_marker("no_cover")


@pytest.fixture(scope="module")
def moto():
    """Return the AWS stand-in of this module."""
    with start_moto_aws() as running:
        yield running


@pytest.fixture
def aws(moto):
    """Return the AWS stand-in with empty queues and buckets."""
    moto.reset()
    return moto
