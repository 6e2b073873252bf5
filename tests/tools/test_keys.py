"""Tests of the keys tool: the gateway accepts its keys and rejects every stored value."""

import json
import re
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from retouch.api.request.credentials import read_gateway_key
from retouch.core.errors import Unauthorized
from retouch.core.settings import Settings
from retouch.gateway.authentication import authenticate_key
from retouch.infrastructure.aws.api_key_table import ApiKeyTable
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.stores.key_lookup import key_lookup
from retouch.infrastructure.stores.tenant_stores import tenant_stores
from retouch.tenants.keys import DEFAULT_WORKSPACE
from retouch.tenants.reader import TenantReader
from retouch.tenants.rows import workspace_row
from retouch.tenants.scopes import ALL_SCOPES, EDIT_SCOPES
from retouch.tenants.table import RowWrite
from tests.support.dynamodb import table_definition
from tests.support.services import FakeClock
from tests.support.tenants import TABLE as TENANTS_TABLE
from tests.support.tenants import TABLE_DEFINITION
from tools import keys
from tools.stack import StackLocation
from tools.tenant_keys import open_tenant_table

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
        boto3.client("dynamodb").create_table(**table_definition(TABLE, "id"))
        secret = json.dumps({"RETOUCH_PEPPER": PEPPER})
        boto3.client("secretsmanager").create_secret(Name="secret", SecretString=secret)
        boto3.client("cloudformation").create_stack(
            StackName="retouch", TemplateBody=json.dumps(TEMPLATE)
        )
        yield


@pytest.fixture
def run_keys(aws, capsys):
    """Return a function that runs the command and returns (status, output lines, error lines)."""

    def run(*arguments):
        status = keys.main(arguments)
        printed = capsys.readouterr()
        return status, printed.out.splitlines(), printed.err.splitlines()

    return run


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def authenticate(aws, clock):
    """Return a function that authenticates a key at the gateway and returns the name of its principal."""
    settings = Settings(keys_table=TABLE, environment={"RETOUCH_PEPPER": PEPPER})
    table = ApiKeyTable(settings, clock, AwsClients())

    def principal_name(key, header="Authorization"):
        value = f"Bearer {key}" if header == "Authorization" else key
        gateway_key = read_gateway_key({header.lower(): value})
        return authenticate_key(gateway_key, settings, table).log_fields["key"]

    return principal_name


def stored_items():
    return boto3.client("dynamodb").scan(TableName=TABLE)["Items"]


def test_new_key_is_accepted_by_the_gateway_in_both_headers(run_keys, authenticate):
    status, (key, hint), errors = run_keys("new", "build-server")
    assert (status, errors) == (0, [])
    assert re.fullmatch(r"rt_[A-Za-z0-9_-]{43}", key)
    assert "Authorization: Bearer" in hint
    assert authenticate(key) == "build-server"
    assert authenticate(key, "x-portkey-api-key") == "build-server"


def test_new_keys_are_unique(run_keys):
    keys_created = {run_keys("new", f"key{n}")[1][0] for n in range(5)}
    assert len(keys_created) == 5


def test_stored_values_are_rejected_as_keys(run_keys, authenticate):
    key = run_keys("new", "build-server")[1][0]
    stored = stored_items()
    [item] = [i for i in stored if not i["id"]["S"].startswith("name/")]
    assert set(item) == {"id", "name", "created"}
    assert re.fullmatch(r"[0-9a-f]{64}", item["id"]["S"])
    text = json.dumps(stored)
    assert key not in text
    assert key.removeprefix("rt_") not in text
    values = {value["S"] for i in stored for value in i.values()}
    for value in values | {f"rt_{value}" for value in values}:
        with pytest.raises(Unauthorized):
            authenticate(value)


def test_key_is_rejected_under_another_pepper(run_keys, aws):
    key = run_keys("new", "build-server")[1][0]
    settings = Settings(keys_table=TABLE, environment={"RETOUCH_PEPPER": "another"})
    table = ApiKeyTable(settings, FakeClock(), AwsClients())
    with pytest.raises(Unauthorized):
        authenticate_key(key, settings, table)


def test_revoked_key_is_rejected_after_a_minute(run_keys, authenticate, clock):
    key = run_keys("new", "build-server")[1][0]
    assert authenticate(key) == "build-server"
    assert run_keys("revoke", "build-server")[0] == 0
    clock.advance(59)
    assert authenticate(key) == "build-server"
    clock.advance(2)
    with pytest.raises(Unauthorized):
        authenticate(key)


def test_unknown_revoked_and_malformed_keys_get_the_same_error(run_keys, authenticate):
    revoked = run_keys("new", "build-server")[1][0]
    run_keys("revoke", "build-server")
    errors = set()
    for key in (revoked, "rt_" + "A" * 43, "rt_", "rt_short", "rt_" + "A" * 5000, "sk-other", ""):
        with pytest.raises(Unauthorized) as raised:
            authenticate(key)
        errors.add((raised.value.status, raised.value.code, str(raised.value)))
    assert len(errors) == 1


def test_key_name_can_be_reused_after_its_key_is_revoked(run_keys, authenticate):
    first = run_keys("new", "build-server")[1][0]
    status, _, [error] = run_keys("new", "build-server")
    assert status == 1
    assert "already" in error
    run_keys("revoke", "build-server")
    second = run_keys("new", "build-server")[1][0]
    assert authenticate(second) == "build-server"
    with pytest.raises(Unauthorized):
        authenticate(first)


def test_key_list_shows_names_and_dates_but_no_keys(run_keys):
    assert run_keys("list")[1] == ["There are no keys yet: make key NAME=build-server"]
    created = [run_keys("new", name)[1][0] for name in ("one", "two")]
    run_keys("revoke", "one")
    _, [head, *rows], _ = run_keys("list")
    assert head.split() == ["name", "created", "revoked"]
    listed = {row.split()[0]: row.split()[1:] for row in rows}
    assert set(listed) == {"one", "two"}
    assert listed["two"][1] == "-"
    assert all(re.match(r"20\d\d-\d\d-\d\dT", time) for time in (listed["one"] + listed["two"][:1]))
    assert not any(key in row for key in created for row in rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("revoke", "nobody"), "no active key 'nobody'"),
        (("new", "a b"), "letters, digits"),
        (("new", ""), "NAME=build-server"),
        (("--stack", "other", "list"), "no stack 'other' in us-east-1"),
        (("--table", "no-such-table", "list"), "ResourceNotFound"),
        (("--secret", "no-such-secret", "new", "a"), "ResourceNotFound"),
    ],
)
def test_keys_command_prints_each_failure_in_one_line(arguments, message, run_keys):
    status, out, [error] = run_keys(*arguments)
    assert (status, out) == (1, [])
    assert message in error


@pytest.fixture
def tenants(aws, clock):
    """Return the lookup of the gateway in the table of tenants, which a newer stack has."""
    boto3.client("dynamodb").create_table(**TABLE_DEFINITION)
    outputs = {**TEMPLATE["Outputs"], "TenantsTable": {"Value": TENANTS_TABLE}}
    boto3.client("cloudformation").update_stack(
        StackName="retouch", TemplateBody=json.dumps({**TEMPLATE, "Outputs": outputs})
    )
    settings = Settings(
        keys_table=TABLE, tenants_table=TENANTS_TABLE, environment={"RETOUCH_PEPPER": PEPPER}
    )
    stores = tenant_stores(settings, AwsClients())
    assert stores
    find_key = key_lookup(settings, clock, AwsClients(), TenantReader(stores, clock))
    return lambda key: authenticate_key(key, settings, find_key).key


def test_admin_key_has_every_scope(run_keys, tenants):
    status, (key, _), _ = run_keys("new", "--admin", "operator")
    found = tenants(key)
    assert (status, found.name, found.type) == (0, "operator", "organisation")
    assert found.scopes == ALL_SCOPES


def test_key_of_a_workspace_is_created_by_its_slug(run_keys, tenants):
    status, (key, _), _ = run_keys("new", "--workspace", "default", "shop")
    assert (status, tenants(key).workspace.slug) == (0, "default")
    status, out, [error] = run_keys("new", "--workspace", "nobody", "shop")
    assert (status, out) == (1, [])
    assert error.startswith("There is no workspace 'nobody'.")


def test_new_key_of_a_stack_with_tenants_has_a_record_and_a_name_of_its_own(run_keys, tenants):
    key = run_keys("new", "build-server")[1][0]
    found = tenants(key)
    assert (found.name, found.workspace, found.scopes) == (
        "build-server",
        DEFAULT_WORKSPACE,
        EDIT_SCOPES,
    )
    assert found.owner == found.id
    keys.KeyStore(TABLE, "secret").create("older")
    for name in ("build-server", "older"):
        for options in ((), ("--workspace", "default")):
            status, out, [error] = run_keys("new", *options, name)
            assert (status, out) == (1, [])
            assert error.startswith(f"There is already a key '{name}'.")


def test_admin_key_is_listed_and_revoked_by_name_or_id(run_keys, tenants, clock):
    created = [run_keys("new", "--admin", "operator")[1][0] for _ in range(2)]
    plain = keys.KeyStore(TABLE, "secret").create("build-server")
    ids = [tenants(key).id for key in created]
    _, lines, _ = run_keys("list")
    assert lines[0].split() == ["name", "created", "revoked", "workspace", "id"]
    assert {line.split()[-1] for line in lines[1:]} == {*ids, "-"}
    assert not any(key in line for key in (*created, plain) for line in lines)
    status, _, [error] = run_keys("revoke", "operator")
    assert status == 1
    assert all(identifier in error for identifier in ids)
    assert run_keys("revoke", ids[0])[0] == 0
    assert run_keys("revoke", "operator")[0] == 0
    clock.advance(61)
    for key in created:
        with pytest.raises(Unauthorized):
            tenants(key)
    assert tenants(plain).name == "build-server"


def test_plain_key_has_the_limits_of_the_default_workspace(run_keys, tenants, clock):
    key = keys.KeyStore(TABLE, "secret").create("build-server")
    assert tenants(key).workspace == DEFAULT_WORKSPACE
    limited = replace(DEFAULT_WORKSPACE, concurrency=3)
    table = open_tenant_table(TENANTS_TABLE, StackLocation("retouch"))
    table.write([RowWrite(workspace_row(limited))])
    clock.advance(61)
    assert tenants(key).workspace == limited


def test_admin_key_needs_a_stack_with_a_table_of_tenants(run_keys):
    status, _, [error] = run_keys("new", "--admin", "operator")
    assert status == 1
    assert "has no table of tenants" in error


@pytest.mark.parametrize("secret", ['{"OPENAI_API_KEY":"sk-canary"}', "sk-canary", '["sk-canary"]'])
def test_secret_without_pepper_fails_without_printing_the_secret(secret, run_keys):
    boto3.client("secretsmanager").put_secret_value(SecretId="secret", SecretString=secret)
    status, out, [error] = run_keys("new", "a")
    assert (status, out, stored_items()) == (1, [], [])
    assert "sk-canary" not in error


def test_new_key_of_a_stack_with_two_secrets_uses_the_pepper_secret(run_keys, authenticate):
    boto3.client("secretsmanager").create_secret(Name="providers", SecretString="{}")
    outputs = {
        "KeysTable": {"Value": TABLE},
        "SecretArn": {"Value": "providers"},
        "PepperSecretArn": {"Value": "secret"},
    }
    boto3.client("cloudformation").create_stack(
        StackName="two", TemplateBody=json.dumps({**TEMPLATE, "Outputs": outputs})
    )
    key = run_keys("--stack", "two", "new", "build-server")[1][0]
    assert authenticate(key) == "build-server"


def test_new_key_with_table_and_secret_arguments_needs_no_stack(run_keys):
    boto3.client("cloudformation").delete_stack(StackName="retouch")
    status, (key, _), _ = run_keys("--table", TABLE, "--secret", "secret", "new", "a")
    assert (status, len(key)) == (0, 46)
