from collections.abc import Iterator

import boto3
import pytest

from bench import mock_aws
from bench.processes import run_mock_aws
from bench.targets import API_KEY, BUDGET_KEY, GATEWAY_KEY
from retouch.gateway.authentication import key_digest
from retouch.infrastructure.aws.budget_table import BudgetDynamoTable
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.tenant_table import TenantDynamoTable
from retouch.tenants.budget_rows import RowHold, RowLimit
from retouch.tenants.budget_table import RowName
from retouch.tenants.rows import find_key_by_digest


@pytest.fixture(scope="module")
def aws_url() -> Iterator[str]:
    with run_mock_aws() as url:
        yield url


@pytest.fixture(autouse=True)
def aws_environment(aws_url, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "bench")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "bench")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def test_mock_aws_returns_the_provider_key_as_a_secret() -> None:
    response = boto3.Session().client("secretsmanager").get_secret_value(SecretId="any")
    assert API_KEY in response["SecretString"]


def test_mock_aws_knows_every_gateway_key() -> None:
    key = {"id": {"S": "digest"}}
    client = boto3.Session().client("dynamodb")
    found = client.get_item(TableName=mock_aws.KEYS_TABLE, Key=key)
    assert found["Item"] == {"id": {"S": "digest"}, "name": {"S": "bench"}}
    assert "Item" not in client.get_item(TableName=mock_aws.BREAKER_TABLE, Key=key)


def test_mock_aws_has_one_tenants_key_with_a_budget() -> None:
    tenants = TenantDynamoTable(mock_aws.TENANTS_TABLE, AwsClients())
    key = find_key_by_digest(tenants, key_digest(BUDGET_KEY, mock_aws.PEPPER), now=1)
    assert key is not None
    assert key.has_budgets
    assert find_key_by_digest(tenants, key_digest(GATEWAY_KEY, mock_aws.PEPPER), now=1) is None


def test_mock_aws_holds_every_amount_in_a_budget() -> None:
    budgets = BudgetDynamoTable(mock_aws.BUDGETS_TABLE, AwsClients())
    row = RowName("key#k_bench", "2026-11")
    held = budgets.hold(row, "order", RowHold(50_000, 100), RowLimit(10**12, 100))
    assert held.outcome == "held"
    settled = budgets.settle(row, "order", 50_000, 40_000, 0)
    assert settled is not None
    assert settled.spent == 0


def test_mock_aws_accepts_every_object() -> None:
    client = boto3.Session().client("s3")
    response = client.put_object(Bucket=mock_aws.BUCKET, Key="results/a.png", Body=b"x" * 100_000)
    assert response["ETag"]
