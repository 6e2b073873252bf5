"""Keys that the tool makes open the real door, and nothing that is stored does."""

import json
import re

import boto3
import pytest
from moto import mock_aws

from retouch.admission import admit
from retouch.edges.aws.session import Aws
from retouch.edges.aws.vault import KeyTable
from retouch.errors import Unauthorized
from retouch.settings import Settings
from retouch.wire.caller import caller
from tests.support.house import TestClock
from tools import keys

TABLE, PEPPER = "keys", "pepper-5b1c" * 6
TEMPLATE = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"KeysTable": {"Value": TABLE}, "SecretArn": {"Value": "secret"}},
}


@pytest.fixture
def aws(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        secret = json.dumps({"RETOUCH_PEPPER": PEPPER})
        boto3.client("secretsmanager").create_secret(Name="secret", SecretString=secret)
        boto3.client("cloudformation").create_stack(
            StackName="retouch", TemplateBody=json.dumps(TEMPLATE)
        )
        yield


@pytest.fixture
def run(aws, capsys):
    """Run the command: (status, lines of output, lines of errors)."""

    def command(*arguments):
        status = keys.main(arguments)
        printed = capsys.readouterr()
        return status, printed.out.splitlines(), printed.err.splitlines()

    return command


@pytest.fixture
def clock():
    return TestClock()


@pytest.fixture
def door(aws, clock):
    """Who the gateway takes the bearer of a key for."""
    table = KeyTable(Settings(keys_table=TABLE), clock, Aws())

    def knock(key, header="Authorization"):
        value = f"Bearer {key}" if header == "Authorization" else key
        return admit(caller({header.lower(): value}), "keys", PEPPER, table).name

    return knock


def items():
    return boto3.client("dynamodb").scan(TableName=TABLE)["Items"]


def test_a_new_key_opens_the_door(run, door):
    status, (key, hint), errors = run("new", "build-server")
    assert (status, errors) == (0, [])
    assert re.fullmatch(r"rt_[A-Za-z0-9_-]{43}", key)
    assert "Authorization: Bearer" in hint
    assert door(key) == "build-server"
    assert door(key, "x-portkey-api-key") == "build-server"


def test_no_two_keys_are_alike(run):
    made = {run("new", f"key{n}")[1][0] for n in range(5)}
    assert len(made) == 5


def test_what_is_stored_opens_nothing(run, door):
    key = run("new", "build-server")[1][0]
    stored = items()
    [item] = [i for i in stored if not i["id"]["S"].startswith("name/")]
    assert set(item) == {"id", "name", "created"}
    assert re.fullmatch(r"[0-9a-f]{64}", item["id"]["S"])
    text = json.dumps(stored)
    assert key not in text
    assert key.removeprefix("rt_") not in text
    values = {value["S"] for i in stored for value in i.values()}
    for value in values | {f"rt_{value}" for value in values}:
        with pytest.raises(Unauthorized):
            door(value)


def test_another_pepper_opens_nothing(run, aws):
    key = run("new", "build-server")[1][0]
    table = KeyTable(Settings(keys_table=TABLE), TestClock(), Aws())
    with pytest.raises(Unauthorized):
        admit(caller({"authorization": f"Bearer {key}"}), "keys", "another", table)


def test_a_revoked_key_opens_nothing_after_a_minute(run, door, clock):
    key = run("new", "build-server")[1][0]
    assert door(key) == "build-server"
    assert run("revoke", "build-server")[0] == 0
    clock.skipped += 59
    assert door(key) == "build-server"
    clock.skipped += 2
    with pytest.raises(Unauthorized):
        door(key)


def test_unknown_revoked_and_malformed_keys_get_the_same_answer(run, door):
    revoked = run("new", "build-server")[1][0]
    run("revoke", "build-server")
    answers = set()
    for key in (revoked, "rt_" + "A" * 43, "rt_", "rt_short", "rt_" + "A" * 5000, "sk-other", ""):
        with pytest.raises(Unauthorized) as refused:
            door(key)
        answers.add((refused.value.status, refused.value.code, str(refused.value)))
    assert len(answers) == 1


def test_a_name_is_free_again_after_its_key_is_revoked(run, door):
    first = run("new", "build-server")[1][0]
    status, _, [error] = run("new", "build-server")
    assert status == 1
    assert "already" in error
    run("revoke", "build-server")
    second = run("new", "build-server")[1][0]
    assert door(second) == "build-server"
    with pytest.raises(Unauthorized):
        door(first)


def test_the_list_tells_all_but_the_keys(run):
    assert run("list")[1] == ["There are no keys yet: make key NAME=build-server"]
    made = [run("new", name)[1][0] for name in ("one", "two")]
    run("revoke", "one")
    _, [head, *rows], _ = run("list")
    assert head.split() == ["name", "created", "revoked"]
    told = {row.split()[0]: row.split()[1:] for row in rows}
    assert set(told) == {"one", "two"}
    assert told["two"][1] == "-"
    assert all(re.match(r"20\d\d-\d\d-\d\dT", time) for time in (told["one"] + told["two"][:1]))
    assert not any(key in row for key in made for row in rows)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("revoke", "nobody"), "no living key 'nobody'"),
        (("new", "a b"), "letters, digits"),
        (("new", ""), "NAME=build-server"),
        (("--stack", "other", "list"), "no stack 'other' in us-east-1"),
        (("--table", "no-such-table", "list"), "ResourceNotFound"),
        (("--secret", "no-such-secret", "new", "a"), "ResourceNotFound"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments, told, run):
    status, out, [error] = run(*arguments)
    assert (status, out) == (1, [])
    assert told in error


@pytest.mark.parametrize("secret", ['{"OPENAI_API_KEY":"sk-canary"}', "sk-canary", '["sk-canary"]'])
def test_a_secret_without_a_pepper_is_said_but_not_shown(secret, run):
    boto3.client("secretsmanager").put_secret_value(SecretId="secret", SecretString=secret)
    status, out, [error] = run("new", "a")
    assert (status, out, items()) == (1, [], [])
    assert "sk-canary" not in error


def test_table_and_secret_by_name_need_no_stack(run):
    boto3.client("cloudformation").delete_stack(StackName="retouch")
    status, (key, _), _ = run("--table", TABLE, "--secret", "secret", "new", "a")
    assert (status, len(key)) == (0, 46)
