"""Tests of the cache of Portkey's configs, through the whole pipeline."""

import json

import pytest

from tests.support.gateway_client import file_part
from tests.support.images import decode_image, encode_image, photo
from tests.support.portkey_edits import (
    KEYS,
    A,
    send_edit,
)
from tests.support.services import InMemoryCache, build_services

CACHED_TARGET = {**A, "cache": {"mode": "simple", "max_age": 60}}


def test_equal_edit_is_served_from_cache(upstreams):
    cache = InMemoryCache()
    services = build_services({"OPENAI_BASE_URL": upstreams[0].url}, cache=cache)
    first = send_edit(upstreams, CACHED_TARGET, services=services)
    second = send_edit(upstreams, CACHED_TARGET, services=services)
    statuses = [response.headers["x-portkey-cache-status"] for response in (first, second)]
    assert statuses == ["MISS", "HIT"]
    assert len(upstreams[0].calls) == 1
    assert second.json["data"] == first.json["data"]
    assert [a.headers["x-retouch-billed"] for a in (first, second)] == ["yes", "no"]
    refreshed = send_edit(upstreams, CACHED_TARGET, services=services, cache_force_refresh="true")
    assert refreshed.headers["x-portkey-cache-status"] == "REFRESH"
    cached_response = send_edit(
        upstreams, CACHED_TARGET, services=services, cache_force_refresh="false"
    )
    assert cached_response.headers["x-portkey-cache-status"] == "HIT"
    assert len(upstreams[0].calls) == 2


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"prompt": "other"}, {}),
        ({"image": file_part(photo(65, 64))}, {}),
        ({"quality": "low"}, {}),
        ({"n": "2"}, {}),
        ({}, {"cache_namespace": "other"}),
    ],
)
def test_different_edit_is_a_cache_miss(upstreams, fields, headers):
    services = build_services({"OPENAI_BASE_URL": upstreams[0].url}, cache=InMemoryCache())
    send_edit(upstreams, CACHED_TARGET, services=services)
    assert send_edit(upstreams, CACHED_TARGET, fields, services=services, **headers).headers[
        "x-portkey-cache-status"
    ] == "MISS"  # fmt: skip


def test_re_encoded_upload_is_a_cache_hit(upstreams):
    services = build_services({"OPENAI_BASE_URL": upstreams[0].url}, cache=InMemoryCache())
    other = encode_image(decode_image(photo()), compress_level=0)
    assert other != photo()
    send_edit(upstreams, CACHED_TARGET, services=services)
    response = send_edit(upstreams, CACHED_TARGET, {"image": file_part(other)}, services=services)
    assert response.headers["x-portkey-cache-status"] == "HIT"


def test_cached_result_can_be_delivered_as_url(upstreams):
    env = {"OPENAI_BASE_URL": upstreams[0].url, "RETOUCH_BUCKET": "b"}
    services = build_services(env, cache=InMemoryCache())
    send_edit(upstreams, CACHED_TARGET, services=services)
    response = send_edit(upstreams, CACHED_TARGET, {"response_format": "url"}, services=services)
    assert response.headers["x-portkey-cache-status"] == "HIT"
    assert response.json["data"][0]["url"].startswith("https://")


def test_callers_with_different_keys_do_not_share_cache(upstreams):
    services = build_services({"OPENAI_BASE_URL": upstreams[0].url}, cache=InMemoryCache())
    config = {"provider": "openai", "cache": {"mode": "simple"}}
    for key in ("sk-one", "sk-two"):
        response = send_edit(upstreams, config, services=services, provider="openai", api_key=key)
        assert response.headers["x-portkey-cache-status"] == "MISS"


def test_each_credential_has_its_own_cache_entries(upstreams):
    services = build_services(
        {"OPENAI_BASE_URL": upstreams[0].url},
        cache=InMemoryCache(),
        secrets={"RETOUCH_VIRTUAL_KEYS": json.dumps(KEYS)},
    )
    cached = {"cache": {"mode": "simple"}}
    configs = (
        {"provider": "openai", "api_key": "sk-alice"},
        {"provider": "openai", "api_key": "sk-mallory"},
        {"targets": [{"provider": "openai", "api_key": "sk-x"}]},
        {"virtual_key": "TeamA"},
        {"virtual_key": "ob"},
    )
    for config in configs:
        statuses = [
            send_edit(upstreams, {**config, **cached}, services=services).headers[
                "x-portkey-cache-status"
            ]
            for _ in range(2)
        ]
        assert statuses == ["MISS", "HIT"], config
