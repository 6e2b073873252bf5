"""Tests of saved configs and virtual keys."""

import boto3
import orjson
import pytest
from moto import mock_aws

from retouch.core.errors import GatewayMisconfigured
from retouch.core.settings import Settings
from retouch.gateway.config_reader import InvalidConfig
from retouch.gateway.routing.saved_configs import SavedConfigs
from retouch.gateway.routing.virtual_keys import parse_virtual_keys
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.config_bucket import ConfigBucket
from tests.support.services import FakeClock

CONFIG = {"retry": {"attempts": 2}}


class FakeConfigBucket:
    def __init__(self, **objects):
        self.objects = {f"configs/{name}.json": data for name, data in objects.items()}
        self.keys_read = []

    def read(self, key):
        self.keys_read.append(key)
        return self.objects.get(key)


def test_saved_config_is_cached_for_one_minute():
    bucket, clock = FakeConfigBucket(**{"pc-fast-1": orjson.dumps(CONFIG)}), FakeClock()
    saved = SavedConfigs(bucket.read, clock)
    assert saved("pc-fast-1") == saved("pc-fast-1") == CONFIG
    assert bucket.keys_read == ["configs/pc-fast-1.json"]
    bucket.objects["configs/pc-fast-1.json"] = b'{"cache":{"mode":"simple"}}'
    clock.sleep(59)
    assert saved("pc-fast-1") == CONFIG
    clock.sleep(1.1)
    assert saved("pc-fast-1") == {"cache": {"mode": "simple"}}


def test_change_to_returned_config_does_not_change_cache():
    saved = SavedConfigs(FakeConfigBucket(**{"pc-1": orjson.dumps(CONFIG)}).read, FakeClock())
    returned = saved("pc-1")
    assert isinstance(returned, dict)
    returned.clear()
    assert saved("pc-1") == CONFIG


def test_unknown_config_id_is_named_and_cached_for_one_minute():
    bucket, clock = FakeConfigBucket(), FakeClock()
    saved = SavedConfigs(bucket.read, clock)
    for _ in range(2):
        with pytest.raises(InvalidConfig, match="'pc-none' is not a saved config"):
            saved("pc-none")
    assert len(bucket.keys_read) == 1
    bucket.objects["configs/pc-none.json"] = b"{}"
    clock.sleep(61)
    assert saved("pc-none") == {}


@pytest.mark.parametrize(
    "name", ["", "pc-", "x", "pc-../secret", "pc-a/b", "pc-a\n", "pc-" + "a" * 65, "pc-é"]
)
def test_invalid_config_id_is_rejected_without_read(name):
    bucket = FakeConfigBucket()
    with pytest.raises(InvalidConfig, match="is not a saved config"):
        SavedConfigs(bucket.read, FakeClock())(name)
    assert bucket.keys_read == []


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'"pc-2"', b"\xff"])
def test_saved_config_that_is_no_json_object_is_rejected(text):
    with pytest.raises(InvalidConfig, match="'pc-1' is not a saved config"):
        SavedConfigs(FakeConfigBucket(**{"pc-1": text}).read, FakeClock())("pc-1")


def test_saved_config_cache_size_is_limited():
    bucket = FakeConfigBucket()
    saved = SavedConfigs(bucket.read, FakeClock())
    for i in range(600):
        with pytest.raises(InvalidConfig):
            saved(f"pc-{i}")
    assert len(saved._cache) <= 256


KEYS = {
    "team-a": {
        "provider": "@OpenAI",
        "api_key": " sk-secret ",
        "options": {"azure-api-version": "v1"},
    },
    "Local": {"provider": "local"},
}


def test_virtual_keys_are_read_by_name():
    keys = parse_virtual_keys(orjson.dumps(KEYS).decode())
    assert keys["team-a"].provider == "openai"
    assert keys["team-a"].key == "sk-secret"
    assert keys["team-a"].options == {"azure-api-version": "v1"}
    assert (keys["Local"].key, keys["Local"].options) == ("", {})
    assert "sk-secret" not in repr(keys)


@pytest.mark.parametrize("text", ["", "{}"])
def test_empty_virtual_keys_setting_gives_no_keys(text):
    assert parse_virtual_keys(text) == {}


@pytest.mark.parametrize(
    "text",
    [
        "{'team-a': 'sk-secret'}",
        "[]",
        '{"team-a":"sk-secret"}',
        '{"team-a":{"api_key":"sk-secret"}}',
        '{"team-a":{"provider":1,"api_key":"sk-secret"}}',
        '{"team-a":{"provider":"p","key":"sk-secret"}}',
        '{"team-a":{"provider":"p","api_key":"sk-secret","options":[1]}}',
        '{"team-a":{"provider":"p","api_key":"sk-secret\\nx"}}',
        '{"team-a":{"provider":"p","api_key":"rt_sk-secret"}}',
        '{"team-a":{"provider":"p","api_key":"k","options":{"openai-project":"sk-secreté"}}}',
    ],
)
def test_invalid_virtual_keys_raise_misconfigured_without_secret(text):
    with pytest.raises(GatewayMisconfigured) as exc_info:
        parse_virtual_keys(text)
    assert "sk-secret" not in str(exc_info.value)
    assert exc_info.value.__cause__ is None


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1")


def test_saved_config_is_read_from_stack_bucket(aws):
    aws.create_bucket(Bucket="stack")
    aws.put_object(Bucket="stack", Key="configs/pc-1.json", Body=orjson.dumps(CONFIG))
    saved = SavedConfigs(ConfigBucket(Settings(bucket="stack"), AwsClients()).read, FakeClock())
    assert saved("pc-1") == CONFIG
    with pytest.raises(InvalidConfig, match="'pc-2' is not a saved config"):
        saved("pc-2")


def test_unreadable_config_bucket_raises_misconfigured(aws):
    with pytest.raises(GatewayMisconfigured, match="cannot read its saved configs") as exc_info:
        ConfigBucket(Settings(bucket="elsewhere"), AwsClients()).read("configs/pc-1.json")
    assert exc_info.value.billed == "no"


def test_config_bucket_without_bucket_setting_reads_none():
    assert ConfigBucket(Settings(), AwsClients()).read("configs/pc-1.json") is None
