"""The AWS stand-in of the mirror, for tests of the package and of the template."""

import pytest

from tests.support.mirror import start_moto_aws


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
