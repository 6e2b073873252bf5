"""Tests of the command that shows the usage of a month."""

import csv
import json

import boto3
import pytest
from moto import mock_aws

from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.tenant_table import TenantDynamoTable
from retouch.infrastructure.aws.usage_table import UsageDynamoTable
from retouch.tenants.keys import Workspace
from retouch.tenants.rows import workspace_row
from retouch.tenants.table import RowWrite
from retouch.usage.recorder import UsageRecorder
from tests.support.tenants import TABLE as TENANTS_TABLE
from tests.support.tenants import TABLE_DEFINITION as TENANTS_DEFINITION
from tests.support.usage import TABLE, TABLE_DEFINITION, make_event
from tools import usage

TEMPLATE = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"UsageTable": {"Value": TABLE}, "TenantsTable": {"Value": TENANTS_TABLE}},
}


@pytest.fixture
def run_usage(monkeypatch, capsys):
    """Return a function that runs the command and returns (status, output, error output)."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        for definition in (TABLE_DEFINITION, TENANTS_DEFINITION):
            boto3.client("dynamodb").create_table(**definition)
        tenants = TenantDynamoTable(TENANTS_TABLE, AwsClients())
        shop = Workspace(id="w_shop", slug="shop", name="Acme, Inc. \u2764")
        tenants.write([RowWrite(workspace_row(shop))])
        boto3.client("cloudformation").create_stack(
            StackName="retouch", TemplateBody=json.dumps(TEMPLATE)
        )
        recorder = UsageRecorder(UsageDynamoTable(TABLE, 90, AwsClients()))
        recorder.write(
            [
                make_event(order="a", cost=41_200, price=50_000),
                make_event(order="b", cost=1, price=2, model="other"),
                make_event(order="c", workspace="w_cafe", cost=7, price=8, status=429),
            ]
        )

        def run(*arguments):
            status = usage.main(arguments)
            printed = capsys.readouterr()
            return status, printed.out, printed.err

        yield run


def test_month_is_shown_by_workspace_and_model_with_its_total(run_usage):
    status, out, _ = run_usage("--month", "2026-11", "--csv")
    assert status == 0
    rows = list(csv.DictReader(out.splitlines()))
    columns = ("workspace_name", "workspace", "model", "cost", "price")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("Acme, Inc. \u2764", "w_shop", "gpt-image-2", "0.041200", "0.050000"),
        ("", "w_cafe", "gpt-image-2", "0.000007", "0.000008"),  # it is deleted
        ("Acme, Inc. \u2764", "w_shop", "other", "0.000001", "0.000002"),
        ("together", "together", "together", "0.041208", "0.050010"),
    ]


def test_other_columns_are_shown_as_a_table(run_usage):
    status, out, _ = run_usage("--month", "2026-11", "--by", "status")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["status", "200", "429", "together"]


def test_month_without_usage_has_a_total_of_zero(run_usage):
    status, out, _ = run_usage("--month", "2026-01", "--by", "model")
    assert (status, len(out.splitlines())) == (0, 2)


@pytest.mark.parametrize("arguments", [("--month", "11/2026"), ("--by", "prompt")])
def test_wrong_argument_is_named(run_usage, arguments):
    status, _, err = run_usage(*arguments)
    assert status == 1
    assert repr(arguments[1]) in err
