"""The AWS stand-in of the stores. A module whose stores need tables defines its own `moto_port`."""

import pytest

from tests.support.lost_answers import LosingProxy
from tests.support.orders import CREDENTIALS, moto_server


@pytest.fixture(scope="module")
def moto_port():
    """Return the port of moto with the table of orders and a bucket."""
    with moto_server() as port:
        yield port


@pytest.fixture
def proxy(moto_port, monkeypatch):
    """Lead every AWS client to moto through a proxy that can lose responses."""
    proxy = LosingProxy(moto_port)
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": proxy.url}.items():
        monkeypatch.setenv(name, value)
    yield proxy
    proxy.close()
