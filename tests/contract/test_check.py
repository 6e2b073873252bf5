"""The free call that tells whether a provider is well set up: good with the key, and telling without."""

import pytest

from retouch import health
from tests.contract.corridor import house_of
from tests.contract.enrolled import PAID, name_of, standin

CHECKED = [provider for provider in PAID if provider.check]


@pytest.mark.parametrize("provider", CHECKED, ids=name_of)
def test_a_good_key_is_found_good(provider):
    with standin(provider) as server:
        assert health.deep(house_of(server))["checks"][provider.name] == health.OK
        assert len(server.received) == 1


@pytest.mark.parametrize("provider", CHECKED, ids=name_of)
def test_a_bad_key_is_found_bad(provider):
    with standin(provider) as server:
        house = house_of(server)
        server.key = "another-key-0123456789"
        said = health.deep(house)["checks"][provider.name]
    assert "did not accept the gateway's API key" in said
