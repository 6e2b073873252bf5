"""Tests of the records of tenants."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from retouch.tenants.keys import (
    DEFAULT_WORKSPACE,
    GatewayKey,
    KeyDefaults,
    RotationPolicy,
    VirtualKeyRecord,
    Workspace,
    plain_key,
)
from retouch.tenants.limits import RateLimit, UsageLimit, WorkspacePrice
from retouch.tenants.records import from_record, remove_digests, to_record
from retouch.tenants.scopes import EDIT_SCOPES

LIMITS: Any = {
    "usage_limits": (
        UsageLimit("cost", 500_000, alert_threshold=400_000, periodic_reset="weekly"),
        UsageLimit("tokens", 1000, periodic_reset_days=3, epoch=2),
    ),
    "rate_limits": (RateLimit("pictures", "rpm", 5),),
}
WORKSPACE = Workspace(
    id="w_1",
    slug="acme",
    name="Acme",
    price=WorkspacePrice(1_200_000, 10_000),
    concurrency=3,
    **LIMITS,
)
KEY = GatewayKey(
    id="k_1",
    name="shop",
    workspace=WORKSPACE,
    digests=("a" * 64,),
    scopes=frozenset({"completions.write", "configs.read"}),
    allowed_models=("openai/gpt-image-2",),
    allowed_providers=("openai",),
    expires_at=17,
    defaults=KeyDefaults(metadata={"team": "a"}, config_id="pc-x", allow_config_override=False),
    rotation=RotationPolicy(rotation_period="weekly", key_transition_period_ms=1_800_000),
    alert_emails=("a@example.com",),
    concurrency=2,
    **LIMITS,
)
VIRTUAL_KEY = VirtualKeyRecord(
    slug="openai-1", workspace_id="w_1", name="n", provider="openai", options={"a": "b"}, **LIMITS
)


@pytest.mark.parametrize("record", [WORKSPACE, KEY, VIRTUAL_KEY], ids=lambda r: type(r).__name__)
def test_record_is_the_same_after_json(record):
    document = orjson.loads(orjson.dumps(to_record(record)))
    assert from_record(type(record), document) == record


def test_field_of_a_later_version_is_left_out():
    assert from_record(GatewayKey, {**to_record(KEY), "later": 1}) == KEY


def test_key_without_digests_has_none_in_its_record():
    assert "a" * 64 not in str(to_record(remove_digests(KEY)))


def test_plain_key_has_the_default_workspace_and_edit_scopes():
    key = plain_key("build-server", "d" * 64)
    assert (key.name, key.workspace, key.scopes) == (
        "build-server",
        DEFAULT_WORKSPACE,
        EDIT_SCOPES,
    )
    assert key.owner == "d" * 64
    assert "d" * 12 not in key.id


def test_keys_of_a_workspace_share_an_owner_and_keys_of_the_default_one_do_not():
    other = replace(KEY, id="k_2")
    assert KEY.owner == other.owner == "w_1"
    keys = [replace(key, workspace=DEFAULT_WORKSPACE) for key in (KEY, other)]
    assert [key.owner for key in keys] == ["k_1", "k_2"]


@pytest.mark.parametrize(
    ("price", "cost", "pictures", "expected"),
    [
        (WorkspacePrice(), 41_200, 4, 41_200),
        (WorkspacePrice(1_200_000, 10_000), 50_000, 2, 80_000),
        (WorkspacePrice(1_000_001), 500_000, 0, 500_001),
        (WorkspacePrice(0, 30_000), 50_000, 1, 30_000),
    ],
)
def test_price_is_a_whole_number_of_micro_dollars(price, cost, pictures, expected):
    assert price.apply_to(cost, pictures) == expected
