"""Gateways whose edits have orders."""

import pytest

from retouch.core.clock import SystemClock
from tests.support.order_gateway import SLOW, run_gateway


@pytest.fixture
def gateway():
    with run_gateway() as gateway:
        yield gateway


@pytest.fixture
def real_time_gateway():
    with run_gateway(SystemClock(), SLOW) as gateway:
        yield gateway
