"""Tests of who pays the provider of a target."""

import pytest

from retouch.gateway.routing.credential_rules import (
    SOURCE_OPERATOR,
    SOURCE_REQUEST,
    SOURCE_TARGET,
    Credential,
    credential_from_virtual_key,
)
from retouch.gateway.routing.payer import Payer, payer_of
from retouch.gateway.routing.virtual_keys import VirtualKey
from retouch.providers.openai import PROVIDER
from retouch.tenants.keys import VirtualKeyRecord
from retouch.tenants.limits import RateLimit, UsageLimit


@pytest.mark.parametrize(
    ("source", "is_saved_config", "is_caller"),
    [
        (SOURCE_REQUEST, False, True),
        (SOURCE_REQUEST, True, True),
        (SOURCE_TARGET, False, True),
        (SOURCE_TARGET, True, False),
        (SOURCE_OPERATOR, False, False),
        (SOURCE_OPERATOR, True, False),
    ],
)
def test_caller_pays_with_its_own_key_and_not_with_one_of_a_saved_config(
    source, is_saved_config, is_caller
):
    credential = Credential(source, PROVIDER, "sk-k")
    assert payer_of(credential, is_saved_config) == Payer(is_caller=is_caller)


@pytest.mark.parametrize(
    ("limits", "has_limits"),
    [
        ({}, False),
        ({"usage_limits": (UsageLimit("cost", 1),)}, True),
        ({"rate_limits": (RateLimit("requests", "rpm", 1),)}, True),
    ],
)
def test_virtual_key_pays_and_its_record_is_read_only_for_its_limits(limits, has_limits):
    record = VirtualKeyRecord(
        slug="shop", workspace_id="w_1", name="shop", provider="openai", **limits
    )
    key = VirtualKey(name="shop", provider="openai", key="sk-k", record=record)
    payer = payer_of(credential_from_virtual_key(key, PROVIDER), is_saved_config=False)
    assert payer == Payer("shop", record if has_limits else None)
