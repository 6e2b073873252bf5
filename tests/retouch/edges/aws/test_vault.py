"""The secret and the table of keys: read in the background, remembered for a while, told to nobody."""

import json
import logging
import time
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from retouch.edges.aws.session import Aws
from retouch.edges.aws.vault import KeyTable, Vault
from retouch.errors import Misconfigured
from retouch.settings import Settings
from tests.support.door import knock, png
from tests.support.events import event, form_event
from tests.support.house import TestClock, build_house
from tests.support.pictures import photo
from tests.support.upstream import Answer, Upstream, as_json

CANARY = "canary-2f9e71"
SECRET = {"RETOUCH_PEPPER": f"pepper-{CANARY}", "OPENAI_API_KEY": f"sk-{CANARY}", "EMPTY": ""}
SETTINGS = Settings(secret_id="secret", keys_table="keys", auth_mode="keys")


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def aws():
    with mock_aws():
        yield boto3.client("secretsmanager")


@pytest.fixture
def manager(monkeypatch):
    """A secrets manager on a socket, which can be slow and whose callers are counted."""
    with Upstream(holding(SECRET)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", server.url)
        yield server


def holding(secret):
    return as_json({"Name": "secret", "SecretString": json.dumps(secret)})


@pytest.fixture
def clock():
    return TestClock()


def test_the_secret_is_its_variables_without_the_empty_ones(aws, clock):
    aws.create_secret(Name="secret", SecretString=json.dumps(SECRET))
    read = Vault(SETTINGS, clock, Aws()).read()
    assert read == {name: value for name, value in SECRET.items() if value}


def test_without_a_secret_nothing_is_read(manager, clock):
    vault = Vault(Settings(), clock, Aws())
    vault.warm()
    assert vault.read() == {}
    assert manager.received == []


def test_it_is_read_in_the_background(manager, clock):
    manager.answers[:] = [replace(holding(SECRET), delay=3.0)]
    vault = Vault(SETTINGS, clock, Aws())
    Vault(SETTINGS, clock, Aws()).warm()  # boto3 is loaded, which takes its time
    started = time.monotonic()
    vault.warm()
    vault.warm()
    assert time.monotonic() - started < 2.0  # seconds of a busy machine; waiting would take 3
    assert vault.read()["OPENAI_API_KEY"] == SECRET["OPENAI_API_KEY"]
    assert time.monotonic() - started >= 3.0
    assert len(manager.received) == 2


def test_it_is_kept_for_five_minutes(manager, clock):
    manager.answers[:] = [holding({"A": "old"}), holding({"A": "new"})]
    vault = Vault(SETTINGS, clock, Aws())
    assert vault.read() == {"A": "old"}
    clock.skipped += 295
    assert vault.read() == {"A": "old"}
    assert len(manager.received) == 1
    clock.skipped += 10
    vault.warm()
    assert vault.read() == {"A": "new"}
    assert len(manager.received) == 2


@pytest.mark.parametrize("text", [None, CANARY, f'["{CANARY}"]', f'"{CANARY}"'])
def test_an_unreadable_secret_is_the_operators_fault_until_it_is_mended(text, aws, clock):
    if text:
        aws.create_secret(Name="secret", SecretString=text)
    vault = Vault(SETTINGS, clock, Aws())
    for _ in range(2):
        with pytest.raises(Misconfigured) as broken:
            vault.read()
        assert (broken.value.status, broken.value.code) == (500, "gateway_not_configured")
        assert CANARY not in str(broken.value)
    if not text:
        aws.create_secret(Name="secret", SecretString="{}")
    aws.put_secret_value(SecretId="secret", SecretString='{"A": "b"}')
    assert vault.read() == {"A": "b"}


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


def test_keys_are_looked_up_and_remembered_for_a_minute(table, clock):
    table(id="d1", name="build")
    find = KeyTable(SETTINGS, clock, Aws())
    assert (find("d1"), find("d2")) == ("build", None)
    table(id="d1", name="build", revoked="2026-11-22")
    table(id="d2", name="late")
    clock.skipped += 55
    assert (find("d1"), find("d2")) == ("build", None)
    clock.skipped += 10
    assert (find("d1"), find("d2")) == (None, "late")


def test_without_a_table_no_key_is_known(clock):
    assert KeyTable(Settings(), clock, Aws())("d1") is None


def test_what_is_remembered_stays_small(clock):
    find = KeyTable(Settings(), clock, Aws())
    for number in range(25_000):
        find(str(number))
    assert len(find._remembered) <= 10_000


OUTCOMES = {
    "works": holding(SECRET),
    "not JSON": as_json({"Name": "secret", "SecretString": f"{{{CANARY}"}),
    "refused": as_json({"__type": "AccessDeniedException", "Message": CANARY}, 400),
    "html": Answer(403, f"<html>{CANARY}</html>".encode()),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_secret_values_are_in_no_log_and_no_answer(outcome, manager, clock, capsys, caplog):
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "retouch")
    manager.answers[:] = [OUTCOMES[outcome]]
    with Upstream(as_json({"error": {"message": f"no sk-{CANARY}"}}, 401)) as provider:
        house = build_house({"OPENAI_BASE_URL": provider.url}, clock)
        house = replace(house, secrets=Vault(SETTINGS, clock, Aws()).read)
        edit = form_event({"model": "gpt-image-2", "prompt": "x", "image": png(photo())})
        deep = {
            **event(method="GET", path="/health"),
            "queryStringParameters": {"deep": "1"},
        }
        answers = [knock(edit, house=house), knock(deep, house=house)]
        if outcome == "works":
            assert provider.calls[0].headers["authorization"] == f"Bearer sk-{CANARY}"
    printed = capsys.readouterr()
    assert '"request"' in printed.out
    assert all(answer.status >= 500 for answer in answers)
    for text in (printed.out, printed.err, caplog.text, repr(answers), repr(house)):
        assert CANARY not in text
