"""Tests of the command that shows the usage of a month."""

import csv
import json

import boto3
import pytest
from moto import mock_aws

from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.usage_table import UsageDynamoTable
from retouch.usage.recorder import UsageRecorder
from tests.support.usage import TABLE, TABLE_DEFINITION, make_event
from tools import usage

TEMPLATE = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"UsageTable": {"Value": TABLE}},
}


@pytest.fixture
def run_usage(monkeypatch, capsys):
    """Return a function that runs the command and returns (status, output, error output)."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("dynamodb").create_table(**TABLE_DEFINITION)
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
    found = [(row["workspace"], row["model"], row["cost"], row["price"]) for row in rows]
    assert found == [
        ("w_shop", "gpt-image-2", "0.041200", "0.050000"),
        ("w_cafe", "gpt-image-2", "0.000007", "0.000008"),
        ("w_shop", "other", "0.000001", "0.000002"),
        ("together", "together", "0.041208", "0.050010"),
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
