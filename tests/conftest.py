"""What tests of all folders share: the measured coverage, and the AWS stand-in of the mirror."""

import hypothesis
import pytest

from tests.support.mirror import start_moto_aws

# Random cases are the same in every run, however slow the machine is. `--hypothesis-profile=default` searches new ones.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark and sort the tests.

    The coverage is measured of the tests that mirror the package. Measuring costs a third of the CPU time.
    The tests with the longest limits run first, because processes take tests from the end of each other's lists:
    what these tests build is built by one process.
    """
    for item in items:
        if not item.nodeid.startswith("tests/retouch/"):
            item.add_marker("no_cover")
    items.sort(key=_time_limit, reverse=True)


def _time_limit(item: pytest.Item) -> int:
    marker = item.get_closest_marker("timeout")
    return int(marker.args[0]) if marker else 0


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
