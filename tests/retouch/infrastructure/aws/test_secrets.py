"""Tests of the secret and the API-key table: background reading, caching and secrecy."""

import json
import logging
import threading
import time
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from retouch.core.errors import GatewayMisconfigured
from retouch.core.settings import Settings
from retouch.infrastructure.aws.api_key_table import ApiKeyTable
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.secrets import SecretStore
from tests.support.events import form_event, proxy_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import photo
from tests.support.services import FakeClock, build_services
from tests.support.upstream import ScriptedResponse, Upstream, json_response

CANARY = "canary-2f9e71"
SECRET = {"RETOUCH_PEPPER": f"pepper-{CANARY}", "OPENAI_API_KEY": f"sk-{CANARY}", "EMPTY": ""}
SETTINGS = Settings(secret_id="secret", keys_table="keys", auth_mode="keys")

pytestmark = pytest.mark.usefixtures("credentials")


@pytest.fixture
def aws():
    with mock_aws():
        yield boto3.client("secretsmanager")


@pytest.fixture
def manager(monkeypatch):
    """Start a Secrets Manager stand-in on a socket. It can be slow, and it counts its requests."""
    with Upstream(secret_response(SECRET)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", server.url)
        yield server


def secret_response(secret):
    return json_response({"Name": "secret", "SecretString": json.dumps(secret)})


@pytest.fixture
def clock():
    return FakeClock()


def test_secret_is_read_without_empty_variables(aws, clock):
    aws.create_secret(Name="secret", SecretString=json.dumps(SECRET))
    read = SecretStore(SETTINGS, clock, AwsClients()).read()
    assert read == {name: value for name, value in SECRET.items() if value}


def test_both_secrets_are_read_and_provider_keys_take_precedence(aws, clock):
    settings = replace(SETTINGS, pepper_secret_id="pepper")
    aws.create_secret(
        Name="pepper", SecretString='{"RETOUCH_PEPPER": "p", "OPENAI_API_KEY": "from 0.2"}'
    )
    aws.create_secret(Name="secret", SecretString='{"OPENAI_API_KEY": "new"}')
    read = SecretStore(settings, clock, AwsClients()).read()
    assert read == {"RETOUCH_PEPPER": "p", "OPENAI_API_KEY": "new"}


def test_store_with_only_a_pepper_secret_reads_nothing_else(manager, clock):
    manager.responses[:] = [secret_response({"RETOUCH_PEPPER": "p"})]
    store = SecretStore(Settings(pepper_secret_id="pepper"), clock, AwsClients())
    assert store.read() == {"RETOUCH_PEPPER": "p"}
    assert [json.loads(request.body)["SecretId"] for request in manager.received] == ["pepper"]


def test_failure_of_one_of_two_secrets_raises_misconfigured(aws, clock):
    aws.create_secret(Name="secret", SecretString=json.dumps(SECRET))
    store = SecretStore(replace(SETTINGS, pepper_secret_id="pepper"), clock, AwsClients())
    with pytest.raises(GatewayMisconfigured):
        store.read()


def test_store_without_secret_id_sends_no_request(manager, clock):
    store = SecretStore(Settings(), clock, AwsClients())
    store.start_reading()
    assert store.read() == {}
    assert manager.received == []


def test_warm_reads_secret_in_background(manager, clock):
    SecretStore(SETTINGS, clock, AwsClients()).read()  # load boto3 first, because loading is slow
    may_answer = threading.Event()
    manager.responses[:] = [replace(secret_response(SECRET), may_start=may_answer)]
    store = SecretStore(SETTINGS, clock, AwsClients())
    started = time.monotonic()
    store.start_reading()
    store.start_reading()
    assert time.monotonic() - started < 20, "the stand-in would wait for 60 seconds"
    may_answer.set()
    assert store.read()["OPENAI_API_KEY"] == SECRET["OPENAI_API_KEY"]
    assert len(manager.received) == 2


def test_secret_is_cached_for_five_minutes(manager, clock):
    manager.responses[:] = [secret_response({"A": "old"}), secret_response({"A": "new"})]
    store = SecretStore(SETTINGS, clock, AwsClients())
    assert store.read() == {"A": "old"}
    clock.advance(295)
    assert store.read() == {"A": "old"}
    assert len(manager.received) == 1
    clock.advance(10)
    store.start_reading()
    assert store.read() == {"A": "new"}
    assert len(manager.received) == 2


@pytest.mark.parametrize("text", [None, CANARY, f'["{CANARY}"]', f'"{CANARY}"'])
def test_unreadable_secret_raises_misconfigured_until_fixed(text, aws, clock):
    if text:
        aws.create_secret(Name="secret", SecretString=text)
    store = SecretStore(SETTINGS, clock, AwsClients())
    for _ in range(2):
        with pytest.raises(GatewayMisconfigured) as exc_info:
            store.read()
        assert (exc_info.value.status, exc_info.value.code) == (500, "gateway_not_configured")
        assert CANARY not in str(exc_info.value)
    if not text:
        aws.create_secret(Name="secret", SecretString="{}")
    aws.put_secret_value(SecretId="secret", SecretString='{"A": "b"}')
    assert store.read() == {"A": "b"}


@pytest.fixture
def table():
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="keys",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield lambda **item: client.put_item(
            TableName="keys", Item={name: {"S": value} for name, value in item.items()}
        )


def names(find_key):
    """Return the names of two keys, or None for one that is not found."""
    return tuple(key and key.name for key in map(find_key, ("d1", "d2")))


def test_api_keys_are_cached_for_one_minute(table, clock):
    table(id="d1", name="build")
    find_key = ApiKeyTable(SETTINGS, clock, AwsClients())
    assert names(find_key) == ("build", None)
    table(id="d1", name="build", revoked="2026-11-22")
    table(id="d2", name="late")
    clock.advance(55)
    assert names(find_key) == ("build", None)
    clock.advance(10)
    assert names(find_key) == (None, "late")


def test_key_table_without_name_finds_no_key(clock):
    assert ApiKeyTable(Settings(), clock, AwsClients())("d1") is None


def test_key_cache_size_is_limited(clock):
    find_key = ApiKeyTable(Settings(), clock, AwsClients())
    for number in range(25_000):
        find_key(str(number))
    assert len(find_key._cached_keys) <= 10_000


OUTCOMES = {
    "works": secret_response(SECRET),
    "not JSON": json_response({"Name": "secret", "SecretString": f"{{{CANARY}"}),
    "refused": json_response({"__type": "AccessDeniedException", "Message": CANARY}, 400),
    "html": ScriptedResponse(403, f"<html>{CANARY}</html>".encode()),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_secret_values_never_appear_in_logs_or_responses(outcome, manager, clock, capsys, caplog):
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "retouch")
    manager.responses[:] = [OUTCOMES[outcome]]
    with Upstream(json_response({"error": {"message": f"no sk-{CANARY}"}}, 401)) as provider:
        services = build_services({"OPENAI_BASE_URL": provider.url}, clock)
        services = replace(services, read_secrets=SecretStore(SETTINGS, clock, AwsClients()).read)
        edit = form_event({"model": "gpt-image-2", "prompt": "x", "image": file_part(photo())})
        deep_health = {
            **proxy_event(method="GET", path="/health"),
            "queryStringParameters": {"deep": "1"},
        }
        responses = [
            send_event(edit, services=services),
            send_event(deep_health, services=services),
        ]
        if outcome == "works":
            assert provider.calls[0].headers["authorization"] == f"Bearer sk-{CANARY}"
    printed = capsys.readouterr()
    assert '"request"' in printed.out
    assert all(response.status >= 500 for response in responses)
    for text in (printed.out, printed.err, caplog.text, repr(responses), repr(services)):
        assert CANARY not in text
