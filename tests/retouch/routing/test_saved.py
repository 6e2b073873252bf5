"""Saved configs and virtual keys."""

import boto3
import orjson
import pytest
from moto import mock_aws

from retouch.edges.aws.configs import ConfigShelf
from retouch.edges.aws.session import Aws
from retouch.errors import Misconfigured
from retouch.routing.problems import InvalidConfig
from retouch.routing.saved import SavedConfigs, virtual_keys
from retouch.settings import Settings
from tests.support.house import TestClock

CONFIG = {"retry": {"attempts": 2}}


class Bucket:
    def __init__(self, **objects):
        self.objects = {f"configs/{name}.json": data for name, data in objects.items()}
        self.asked = []

    def read(self, key):
        self.asked.append(key)
        return self.objects.get(key)


def test_a_saved_config_is_read_by_its_id_once_a_minute():
    bucket, clock = Bucket(**{"pc-fast-1": orjson.dumps(CONFIG)}), TestClock()
    saved = SavedConfigs(bucket.read, clock)
    assert saved("pc-fast-1") == saved("pc-fast-1") == CONFIG
    assert bucket.asked == ["configs/pc-fast-1.json"]
    bucket.objects["configs/pc-fast-1.json"] = b'{"cache":{"mode":"simple"}}'
    clock.sleep(59)
    assert saved("pc-fast-1") == CONFIG
    clock.sleep(1.1)
    assert saved("pc-fast-1") == {"cache": {"mode": "simple"}}


def test_what_a_caller_does_to_a_config_is_not_kept():
    saved = SavedConfigs(Bucket(**{"pc-1": orjson.dumps(CONFIG)}).read, TestClock())
    saved("pc-1").clear()
    assert saved("pc-1") == CONFIG


def test_an_unknown_id_is_named_and_looked_for_once_a_minute():
    bucket, clock = Bucket(), TestClock()
    saved = SavedConfigs(bucket.read, clock)
    for _ in range(2):
        with pytest.raises(InvalidConfig, match="'pc-none' is not a saved config"):
            saved("pc-none")
    assert len(bucket.asked) == 1
    bucket.objects["configs/pc-none.json"] = b"{}"
    clock.sleep(61)
    assert saved("pc-none") == {}


@pytest.mark.parametrize(
    "name", ["", "pc-", "x", "pc-../secret", "pc-a/b", "pc-a\n", "pc-" + "a" * 65, "pc-é"]
)
def test_what_is_no_id_is_never_looked_for(name):
    bucket = Bucket()
    with pytest.raises(InvalidConfig, match="is not a saved config"):
        SavedConfigs(bucket.read, TestClock())(name)
    assert bucket.asked == []


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'"pc-2"', b"\xff"])
def test_a_saved_config_is_a_json_object(text):
    with pytest.raises(InvalidConfig, match="'pc-1' does not lead to a JSON object"):
        SavedConfigs(Bucket(**{"pc-1": text}).read, TestClock())("pc-1")


def test_what_is_kept_does_not_grow_without_end():
    bucket = Bucket()
    saved = SavedConfigs(bucket.read, TestClock())
    for i in range(600):
        with pytest.raises(InvalidConfig):
            saved(f"pc-{i}")
    assert len(saved._kept) <= 256


KEYS = {
    "team-a": {
        "provider": "@OpenAI",
        "api_key": " sk-secret ",
        "options": {"azure-api-version": "v1"},
    },
    "Local": {"provider": "local"},
}


def test_a_virtual_key_is_found_by_its_name():
    found = virtual_keys(orjson.dumps(KEYS).decode())
    assert found["team-a"].provider == "openai"
    assert found["team-a"].key == "sk-secret"
    assert found["team-a"].options == {"azure-api-version": "v1"}
    assert (found["Local"].key, found["Local"].options) == ("", {})
    assert "sk-secret" not in repr(found)


@pytest.mark.parametrize("text", ["", "{}"])
def test_there_may_be_none(text):
    assert virtual_keys(text) == {}


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
def test_broken_virtual_keys_are_the_operators_and_stay_secret(text):
    with pytest.raises(Misconfigured) as broken:
        virtual_keys(text)
    assert "sk-secret" not in str(broken.value)
    assert broken.value.__cause__ is None


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1")


def test_configs_lie_in_the_stacks_bucket(aws):
    aws.create_bucket(Bucket="stack")
    aws.put_object(Bucket="stack", Key="configs/pc-1.json", Body=orjson.dumps(CONFIG))
    saved = SavedConfigs(ConfigShelf(Settings(bucket="stack"), Aws()).read, TestClock())
    assert saved("pc-1") == CONFIG
    with pytest.raises(InvalidConfig, match="'pc-2' is not a saved config"):
        saved("pc-2")


def test_a_bucket_that_cannot_be_read_is_the_operators(aws):
    with pytest.raises(Misconfigured, match="cannot read its saved configs") as broken:
        ConfigShelf(Settings(bucket="elsewhere"), Aws()).read("configs/pc-1.json")
    assert broken.value.billed == "no"


def test_without_a_bucket_no_config_is_saved():
    assert ConfigShelf(Settings(), Aws()).read("configs/pc-1.json") is None
