"""Tests of the tables, buckets, secrets and logs of the template: how long they keep what."""

import json

import pytest

from retouch.batches.batch import WINDOW_SECONDS, result_folder
from retouch.batches.files import DEFAULT_SECONDS
from retouch.batches.transitions import GIVE_UP_SECONDS
from retouch.core.settings import Settings
from tests.support.batches import BATCHES_DEFINITION
from tests.support.budgets import BUDGETS_TABLE_DEFINITION
from tests.support.orders import TABLE_DEFINITION
from tests.support.template import lifecycle_rules
from tests.support.tenants import TABLE_DEFINITION as TENANTS_DEFINITION

MAX_LINK_SECONDS = 604_800  # S3 signs a link for at most a week
STATEFUL = (
    "ResultsBucket",
    "ProviderSecret",
    "ProviderKeysSecret",
    "KeysTable",
    "TenantsTable",
    "MirrorDeadLetters",
    "EventsDeadLetters",
    "WebhooksTable",
)


def test_results_bucket_is_private_and_expires_its_objects(resources):
    bucket = resources["ResultsBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    assert "VersioningConfiguration" not in bucket
    rules = lifecycle_rules(resources)
    expiry_days = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule}
    assert expiry_days == {
        "results/": {"Ref": "ResultDays"},
        "uploads/": 1,
        "orders/": {"Fn::FindInMap": ["AnswerDays", {"Ref": "IdempotencyHours"}, "days"]},
        "files/": 31,
        "batches/": 3,
        "kept/3/": 3,
        "kept/33/": 33,
        "mirror/answers/": 1,
        "mirror/edits/": 1,
        "mirror/": {"Ref": "MirrorDays"},
        "cache/": 90,
        "exports/": 30,
    }
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


def test_mirrored_images_outlive_their_longest_link(template, resources):
    conditional = [r["Fn::If"] for r in bucket_rules(resources) if "Fn::If" in r]
    assert [(name, otherwise) for name, _, otherwise in conditional] == [
        ("HasMirrorDays", {"Ref": "AWS::NoValue"})
    ]
    days = template["Parameters"]["MirrorDays"]
    assert days["Default"] == 0, "By default, mirrored images are kept."
    shortest = min(value for value in days["AllowedValues"] if value)
    assert shortest * 86_400 > MAX_LINK_SECONDS


def bucket_rules(resources):
    return resources["ResultsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]


def test_stored_results_outlive_their_signed_links(template):
    days, seconds = (template["Parameters"][name] for name in ("ResultDays", "UrlSeconds"))
    assert days["MinValue"] * 86_400 >= seconds["MaxValue"]
    assert seconds["Default"] == Settings().result_url_seconds


def test_results_bucket_policy_denies_requests_without_tls(resources):
    (statement,) = resources["ResultsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == (
        "Deny",
        "*",
        "s3:*",
    )
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(statement["Resource"]) == 2


@pytest.mark.parametrize("name", STATEFUL)
def test_stateful_resources_are_retained_when_the_stack_is_deleted(resources, name):
    assert resources[name]["DeletionPolicy"] == resources[name]["UpdateReplacePolicy"] == "Retain"


def test_provider_secret_is_generated_with_a_pepper(resources):
    generated = resources["ProviderSecret"]["Properties"]["GenerateSecretString"]
    assert generated["GenerateStringKey"] == "RETOUCH_PEPPER"
    assert json.loads(generated["SecretStringTemplate"]) == {}
    assert generated["PasswordLength"] >= 43, "43 letters and digits hold 256 bits."


def test_keys_table_is_on_demand_encrypted_and_keyed_by_id(resources):
    table = resources["KeysTable"]["Properties"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert table["SSESpecification"]["SSEEnabled"]
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]


@pytest.mark.parametrize(
    ("name", "key"),
    [("CircuitsTable", ["id"]), ("OrdersTable", ["pk"]), ("BatchesTable", ["pk", "sk"])],
)
def test_tables_of_temporary_rows_are_on_demand_and_expire_their_rows(resources, name, key):
    table = resources[name]["Properties"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert [one["AttributeName"] for one in table["KeySchema"]] == key
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}


def test_tenants_table_is_as_in_the_tests_of_tenants_and_can_be_restored(resources):
    table = resources["TenantsTable"]["Properties"]
    for name in ("KeySchema", "AttributeDefinitions", "BillingMode"):
        assert table[name] == TENANTS_DEFINITION[name]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]


def test_orders_table_is_as_in_the_tests_of_orders_and_can_be_restored(resources):
    table = resources["OrdersTable"]["Properties"]
    for name in ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes"):
        assert table[name] == TABLE_DEFINITION[name]
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert resources["OrdersTable"]["DeletionPolicy"] == "Retain"


def test_batches_table_is_as_in_the_tests_of_batches_and_can_be_restored(resources):
    table = resources["BatchesTable"]["Properties"]
    for name in ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes"):
        assert table[name] == BATCHES_DEFINITION[name]
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert resources["BatchesTable"]["DeletionPolicy"] == "Retain"


def test_files_of_batches_outlive_their_expiry_and_inputs_their_window(resources):
    days = {
        rule["Prefix"]: rule["ExpirationInDays"]
        for rule in lifecycle_rules(resources)
        if "Prefix" in rule
    }
    assert days["files/"] * 86_400 > DEFAULT_SECONDS
    assert days["batches/"] * 86_400 >= WINDOW_SECONDS + GIVE_UP_SECONDS
    for seconds in (3600, 86_400, 30 * 86_400):
        assert days[f"{result_folder(seconds)}/"] * 86_400 >= 2 * WINDOW_SECONDS + seconds


def test_budgets_table_is_as_in_the_tests_of_budgets_and_can_be_restored(resources):
    table = resources["BudgetsTable"]["Properties"]
    for name in ("KeySchema", "AttributeDefinitions", "BillingMode"):
        assert table[name] == BUDGETS_TABLE_DEFINITION[name]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert resources["BudgetsTable"]["DeletionPolicy"] == "Retain"


def test_answers_of_orders_are_kept_longer_than_their_keys_are_valid(template):
    hours = template["Parameters"]["IdempotencyHours"]["AllowedValues"]
    days = template["Mappings"]["AnswerDays"]
    assert set(hours) == set(days)
    for text in hours:
        assert days[text]["days"] >= int(text) / 24 + 1


def test_log_groups_expire_after_the_retention_parameter(resources):
    for group in (
        "EditsLogs",
        "WorkerLogs",
        "MirrorLogs",
        "AdminLogs",
        "SweeperLogs",
        "WebhooksLogs",
        "ApiLogs",
    ):
        assert resources[group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
