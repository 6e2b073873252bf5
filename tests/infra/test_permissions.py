"""Tests of the roles: what each function may do, and nothing more."""

import json
import re

import pytest

from tests.support.template import as_list, permissions, policy_statements


def test_edit_function_variables_contain_no_secrets(function):
    for name, value in function["Environment"]["Variables"].items():
        assert not re.search("KEY$|TOKEN|PASSWORD", name)
        assert "resolve:" not in json.dumps(value)


@pytest.mark.parametrize(
    "role", ["EditsRole", "WorkerRole", "MirrorRole", "AdminRole", "WebhooksRole"]
)
def test_role_statements_use_no_wildcards(resources, role):
    assert "ManagedPolicyArns" not in resources[role]["Properties"]
    for statement in policy_statements(resources, role):
        assert all("*" not in action for action in as_list(statement["Action"])), statement
        assert all(resource != "*" for resource in as_list(statement["Resource"])), statement


def test_edit_role_has_exactly_the_needed_permissions(resources):
    permissions: dict[str, str] = {}
    for statement in policy_statements(resources, "EditsRole"):
        for action in as_list(statement["Action"]):
            permissions[action] = permissions.get(action, "") + json.dumps(statement["Resource"])
    assert set(permissions) == {
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:ListBucket",
        "secretsmanager:GetSecretValue",
        "sqs:SendMessage",
        "bedrock:InvokeModel",
        "bedrock:ApplyGuardrail",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "dynamodb:UpdateItem",
        "ssm:GetParameter",
        "events:PutEvents",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    written = permissions["dynamodb:PutItem"].replace("}{", "},{")
    assert json.loads(f"[{written}]") == [
        {"Fn::GetAtt": ["BudgetsTable", "Arn"]},
        {"Fn::GetAtt": ["UsageTable", "Arn"]},
        {"Fn::GetAtt": ["OrdersTable", "Arn"]},
        {"Fn::GetAtt": ["BatchesTable", "Arn"]},
        {"Fn::GetAtt": ["WebhooksTable", "Arn"]},
    ]
    assert "UsageTable" not in permissions["dynamodb:GetItem"]
    assert {"OrdersTable", "BatchesTable", "WebhooksTable"} == set(
        re.findall(r"\w+Table", permissions["dynamodb:DeleteItem"])
    )
    for prefix in ("files", "orders"):
        assert f"/{prefix}/*" in permissions["s3:DeleteObject"]
    assert permissions["s3:DeleteObject"].count("/*") == 2
    assert "orders/*" in permissions["s3:PutObject"]
    assert "results/*" in permissions["s3:PutObject"]
    assert "uploads/*" in permissions["s3:PutObject"]
    assert "ResultsBucket.Arn}/*" not in permissions["s3:PutObject"]


def test_sweeper_reads_its_indexes_and_answers_and_writes_orders_and_messages_only(resources):
    permissions: dict[str, list[object]] = {}
    for statement in policy_statements(resources, "SweeperRole"):
        for action in as_list(statement["Action"]):
            permissions.setdefault(action, []).extend(as_list(statement["Resource"]))
    orders, batches, webhooks, usage = (
        {"Fn::GetAtt": [f"{name}Table", "Arn"]}
        for name in ("Orders", "Batches", "Webhooks", "Usage")
    )
    bus = permissions.pop("events:PutEvents")
    assert "event-bus/${EventsBus}" in json.dumps(bus)
    assert permissions == {
        "dynamodb:Query": [
            usage,
            {"Fn::Sub": "${OrdersTable.Arn}/index/open"},
            {"Fn::Sub": "${BatchesTable.Arn}/index/due"},
            webhooks,
        ],
        "dynamodb:GetItem": [batches, orders, webhooks],
        "dynamodb:PutItem": [usage, orders, webhooks],
        "dynamodb:UpdateItem": [{"Fn::GetAtt": ["BudgetsTable", "Arn"]}],
        "sqs:SendMessage": [
            {"Fn::GetAtt": [f"{name}Queue", "Arn"]} for name in ("Edits", "Webhooks")
        ],
        "s3:GetObject": [{"Fn::Sub": "${ResultsBucket.Arn}/orders/*"}],
        "s3:ListBucket": [{"Fn::GetAtt": ["ResultsBucket", "Arn"]}],
        "logs:CreateLogStream": [{"Fn::GetAtt": ["SweeperLogs", "Arn"]}],
        "logs:PutLogEvents": [{"Fn::GetAtt": ["SweeperLogs", "Arn"]}],
    }


def test_worker_has_the_permissions_of_an_edit_and_of_its_queues_only(resources):
    queue, lines, dead = (
        json.dumps({"Fn::GetAtt": [name, "Arn"]})
        for name in ("EditsQueue", "BatchesQueue", "EditsDeadLetters")
    )
    logs = json.dumps({"Fn::GetAtt": ["WorkerLogs", "Arn"]})
    usage = json.dumps({"Fn::GetAtt": ["UsageTable", "Arn"]})  # for exports
    reads = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
    added = permissions(resources, "WorkerRole") - permissions(resources, "EditsRole")
    assert {one for one in added if not is_for_events(*one)} == {
        *((action, resource) for action in reads for resource in (queue, lines, dead)),
        ("sqs:ChangeMessageVisibility", queue),
        ("sqs:ChangeMessageVisibility", lines),
        ("sqs:SendMessage", lines),
        ("s3:PutObject", json.dumps({"Fn::Sub": "${ResultsBucket.Arn}/kept/*"})),
        ("dynamodb:GetItem", usage),
        ("dynamodb:Query", usage),
        ("s3:PutObject", json.dumps({"Fn::Sub": "${ResultsBucket.Arn}/exports/*"})),
        ("logs:CreateLogStream", logs),
        ("logs:PutLogEvents", logs),
    }


def is_for_events(action, resource):
    """Return whether tests/infra/test_event_rules.py tests the permission."""
    folders = ("recipes/", "inbox/", "outbox/", "failed/", "InboxBuckets")
    is_object = action.startswith("s3:") and any(one in resource for one in folders)
    is_told = action.startswith(("states:", "events:")) or "ReplyQueues" in resource
    is_sent = action == "sqs:SendMessage" and "EventsDeadLetters" in resource
    return is_object or is_told or is_sent


def test_admin_role_writes_tenants_and_no_other_function_does(resources):
    table = json.dumps({"Fn::GetAtt": ["TenantsTable", "Arn"]})
    parameters = "parameter/${AWS::StackName}/vk/*"
    admin = permissions(resources, "AdminRole")
    assert {action for action, place in admin if place == table} == {
        f"dynamodb:{name}" for name in ("GetItem", "PutItem", "DeleteItem", "Query")
    }
    assert {action for action, place in admin if parameters in place} == {
        "ssm:PutParameter",
        "ssm:DeleteParameter",
    }
    for role in ("EditsRole", "WorkerRole", "MirrorRole", "SweeperRole"):
        own = permissions(resources, role)
        assert {action for action, place in own if place == table} <= {"dynamodb:GetItem"}
        assert {action for action, place in own if parameters in place} <= {"ssm:GetParameter"}


def test_sender_of_webhooks_reads_its_queues_rows_and_pepper_only(resources):
    permissions = {
        (action, json.dumps(resource))
        for statement in policy_statements(resources, "WebhooksRole")
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    table, queue, dead, logs = (
        json.dumps({"Fn::GetAtt": [name, "Arn"]})
        for name in ("WebhooksTable", "WebhooksQueue", "WebhooksDeadLetters", "WebhooksLogs")
    )
    reads = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
    assert permissions == {
        ("dynamodb:GetItem", table),
        ("dynamodb:PutItem", table),
        *((action, resource) for action in reads for resource in (queue, dead)),
        ("sqs:ChangeMessageVisibility", queue),
        ("secretsmanager:GetSecretValue", json.dumps({"Ref": "ProviderSecret"})),
        ("logs:CreateLogStream", logs),
        ("logs:PutLogEvents", logs),
    }


def test_edit_role_lists_only_its_prefixes(resources):
    (statement,) = [
        s for s in policy_statements(resources, "EditsRole") if s["Action"] == "s3:ListBucket"
    ]
    (prefixes,) = (condition["s3:prefix"] for condition in statement["Condition"].values())
    readable = {
        resource["Fn::Sub"].partition("/")[2]
        for s in policy_statements(resources, "EditsRole")
        if "s3:GetObject" in as_list(s["Action"])
        for resource in as_list(s["Resource"])
    }
    assert set(prefixes) == readable


def test_roles_read_only_the_secrets_that_they_need(resources):
    secrets = {
        role: as_list(s["Resource"])
        for role in ("EditsRole", "WorkerRole", "MirrorRole")
        for s in policy_statements(resources, role)
        if s["Action"] == "secretsmanager:GetSecretValue"
    }
    pepper, provider_keys = {"Ref": "ProviderSecret"}, {"Ref": "ProviderKeysSecret"}
    both = [pepper, provider_keys]
    assert secrets == {"EditsRole": both, "WorkerRole": both, "MirrorRole": [pepper]}
    variables = resources["MirrorFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["RETOUCH_PEPPER_SECRET_ID"] == pepper
    assert "RETOUCH_SECRET_ID" not in variables


@pytest.mark.parametrize("role", ["EditsRole", "WorkerRole"])
def test_functions_that_make_edits_write_no_key_and_no_limit(resources, role):
    writes = {
        str(statement["Resource"])
        for statement in policy_statements(resources, role)
        for action in as_list(statement["Action"])
        if action in ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")
    }
    assert not any("KeysTable" in one or "TenantsTable" in one for one in writes)
