"""Tests of the admin function as it is deployed: DynamoDB, Parameter Store and Secrets Manager over real sockets."""

import json
import os

import boto3
import pytest

from retouch.api.handlers.edits import build_handler
from retouch.core.settings import InvalidSetting
from retouch.entry_points.admin_function import build_function
from retouch.entry_points.edit_function import build_function as build_edit_function
from tests.support.dynamodb import table_definition
from tests.support.events import form_event, lambda_context, proxy_event
from tests.support.gateway_client import file_part
from tests.support.images import photo
from tests.support.orders import CREDENTIALS, moto_server
from tests.support.tenants import TABLE, TABLE_DEFINITION
from tools import keys

PROVIDER_KEY = "sk-canary-of-the-parameter-store"


@pytest.fixture
def environment(monkeypatch):
    """Return the environment of both functions, with a table and a pepper on an AWS stand-in."""
    with moto_server() as port:
        url = f"http://127.0.0.1:{port}"
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": url}.items():
            monkeypatch.setenv(name, value)
        dynamodb = boto3.client("dynamodb")
        dynamodb.create_table(**TABLE_DEFINITION)
        dynamodb.create_table(**table_definition("keys", "id"))
        boto3.client("secretsmanager").create_secret(
            Name="pepper", SecretString=json.dumps({"RETOUCH_PEPPER": "p" * 64})
        )
        yield {
            **os.environ,
            "RETOUCH_PEPPER_SECRET_ID": "pepper",
            "RETOUCH_KEYS_TABLE": "keys",
            "RETOUCH_TENANTS_TABLE": TABLE,
            "RETOUCH_VIRTUAL_KEYS_PATH": "/stack/vk",
        }


def test_keys_and_virtual_keys_of_the_deployed_admin_function_work_for_edits(
    environment, upstream, capsys
):
    arguments = ["--table", "keys", "--secret", "pepper", "--tenants-table", TABLE]
    assert keys.main([*arguments, "new", "--admin", "operator"]) == 0
    admin_key = capsys.readouterr().out.splitlines()[0]
    admin = build_function(environment)

    def call(path, body):
        headers = {"Authorization": f"Bearer {admin_key}"}
        event = proxy_event("application/json", json.dumps(body).encode(), headers, path=path)
        response = admin(event, lambda_context())
        assert response["statusCode"] == 200, response["body"]
        return json.loads(response["body"])

    workspace = call("/v1/admin/workspaces", {"name": "acme"})["id"]
    key = call("/v1/api-keys/workspace/service", {"name": "shop", "workspace_id": workspace})["key"]
    body = {"name": "v", "provider": "openai", "key": PROVIDER_KEY, "workspace_id": workspace}
    slug = call("/v1/virtual-keys", body)["slug"]
    edit_environment = {**environment, "OPENAI_BASE_URL": upstream.url}
    edits = build_edit_function(build_handler, edit_environment)
    fields = {"model": "gpt-image-2", "prompt": "p", "image": file_part(photo(64, 64))}
    headers = {"Authorization": f"Bearer {key}", "x-portkey-virtual-key": slug}
    response = edits(form_event(fields, headers), lambda_context())
    assert response["statusCode"] == 200, response["body"]
    assert upstream.calls[0].headers["authorization"] == f"Bearer {PROVIDER_KEY}"
    stored = json.dumps(boto3.client("dynamodb").scan(TableName=TABLE)["Items"])
    assert [secret for secret in (PROVIDER_KEY, key, admin_key) if secret in stored] == []


def test_admin_function_does_not_start_without_a_table():
    with pytest.raises(InvalidSetting, match="RETOUCH_TENANTS_TABLE"):
        build_function({})
