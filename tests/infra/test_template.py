"""Tests of the template: the functions, their permissions and the stored data."""

import json
import re

import pytest

from retouch.batches.batch import WINDOW_SECONDS, result_folder
from retouch.batches.files import DEFAULT_SECONDS
from retouch.batches.transitions import GIVE_UP_SECONDS
from retouch.core.settings import Settings
from tests.infra.conftest import ROOT
from tests.support.batches import BATCHES_DEFINITION
from tests.support.budgets import BUDGETS_TABLE_DEFINITION
from tests.support.orders import TABLE_DEFINITION
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


def policy_statements(resources, role):
    for policy in resources[role]["Properties"].get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def lifecycle_rules(resources):
    """Return the lifecycle rules of the bucket, with those that a parameter turns on."""
    rules = resources["ResultsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    return [rule["Fn::If"][1] if "Fn::If" in rule else rule for rule in rules]


def as_list(value):
    return value if isinstance(value, list) else [value]


def test_template_parameters_all_have_defaults(template):
    for name, parameter in template["Parameters"].items():
        assert "Default" in parameter, name


def test_function_timeout_and_keep_alive_fit_the_api_gateway_limits(template, function):
    seconds = template["Parameters"]["TimeoutSeconds"]["Default"]
    settings = Settings()
    assert seconds > settings.deadline_margin + settings.min_call_seconds
    assert seconds == 900
    keep_alive_after = float(function["Environment"]["Variables"]["RETOUCH_SILENCE_SECONDS"])
    assert 0 < keep_alive_after < 300, "A regional API closes a connection after 300 idle seconds."


def test_layer_contains_the_executable_exec_wrapper(function):
    wrapper = function["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]
    file = ROOT / "layers/retouch" / wrapper.removeprefix("/opt/")
    assert file.stat().st_mode & 0o111


# Variables that the settings read and that the template does not set, with the environments that need them.
NOT_IN_TEMPLATE = {
    "RETOUCH_LEAST_CALL_SECONDS": "tests and benchmarks, whose providers respond at once",
    "RETOUCH_HEARTBEAT_SECONDS": "proxies with a shorter idle timeout than API Gateway",
    "RETOUCH_JOB_BEGIN_SECONDS": "tests, whose jobs expire early",
    "RETOUCH_TENANTS_FOLDER": "workers on one machine, which share no table",
    "RETOUCH_USAGE_FOLDER": "workers on one machine, as above",
    "RETOUCH_LEASE_MARGIN_SECONDS": "tests, whose functions end early",
    "RETOUCH_MIRROR_BYTES": "other disks: EphemeralStorage holds eight files of the default size",
    "RETOUCH_MIRROR_PARALLEL": "other disks, as above",
    "RETOUCH_MIRROR_SECONDS": "other timeouts: the default is half of the mirror function's timeout",
}


def function_variables(resources):
    """Return the names of all environment variables of the functions."""
    functions = (
        resources[name]["Properties"]
        for name in (
            "EditsFunction",
            "WorkerFunction",
            "MirrorFunction",
            "AdminFunction",
            "WebhooksFunction",
        )
    )
    return {name for each in functions for name in each["Environment"]["Variables"]}


def test_function_variables_are_read_by_settings(resources):
    known = set(variables_read_by_settings())
    assert {n for n in function_variables(resources) if n.startswith("RETOUCH_")} <= known


def test_settings_missing_from_the_template_are_documented_with_a_reason(resources):
    documented = (ROOT / "docs/configuration.md").read_text()
    assert set(variables_read_by_settings()) - function_variables(resources) == set(NOT_IN_TEMPLATE)
    for name in NOT_IN_TEMPLATE:
        (line,) = [x for x in documented.splitlines() if x.startswith(f"| `{name}` |")]
        assert "not in the template" in line, name


def variables_read_by_settings():
    source = (ROOT / "layers/retouch/retouch/core/settings.py").read_text()
    return re.findall(r'"(RETOUCH_[A-Z_]+)"', source)


def test_deploy_page_documents_every_parameter_and_output(template):
    text = (ROOT / "docs/deploy.md").read_text()
    named = [*template["Parameters"], *template["Outputs"]]
    assert [name for name in named if f"`{name}`" not in text] == []


def test_template_uses_every_parameter(template, resources):
    text = (ROOT / "template.yaml").read_text().partition("\nConditions:")[2]
    unused = [n for n in template["Parameters"] if not re.search(rf"\b{n}\b", text)]
    assert unused == []


def test_asynchronous_invocations_are_repeated_only_by_the_parameter_and_end_as_dead_letters(
    template, function, resources
):
    # By default Lambda repeats a failed asynchronous invocation twice.
    destination = {"Type": "SQS", "Destination": {"Fn::GetAtt": ["EventsDeadLetters", "Arn"]}}
    assert template["Parameters"]["AsyncRetries"]["Default"] == 0
    assert function["EventInvokeConfig"] == {
        "MaximumRetryAttempts": {"Ref": "AsyncRetries"},
        "DestinationConfig": {"OnFailure": destination},
    }
    variables = function["Environment"]["Variables"]
    assert variables["RETOUCH_ASYNC_RETRIES"] == {"Ref": "AsyncRetries"}
    targets = [
        one["Resource"]
        for one in policy_statements(resources, "EditsRole")
        if "sqs:SendMessage" in as_list(one["Action"])
    ]
    assert destination["Destination"] in targets[0]
    worker = resources["WorkerFunction"]["Properties"]["EventInvokeConfig"]
    assert worker == {"MaximumRetryAttempts": 0}


def test_base_url_parameter_reaches_all_functions_and_is_validated(template, resources):
    for name in ("EditsFunction", "WorkerFunction", "MirrorFunction"):
        variables = resources[name]["Properties"]["Environment"]["Variables"]
        assert variables["RETOUCH_BASE_URL"] == {"Ref": "BaseUrl"}
    pattern = template["Parameters"]["BaseUrl"]["AllowedPattern"]
    for good in ("", "https://x.execute-api.us-east-1.amazonaws.com/prod", "https://gw.example"):
        assert re.fullmatch(pattern, good)
    for bad in ("http://gw.example", "gw.example", "https://gw.example/prod/v1", "https://gw/v1/"):
        assert not re.fullmatch(pattern, bad)


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


def permissions(resources, role):
    """Return the pairs of an action and a resource that a role permits."""
    return {
        (action, json.dumps(resource))
        for statement in policy_statements(resources, role)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
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


def test_sender_takes_one_message_at_a_time_and_sees_it_again_after_its_lease(resources):
    sender = resources["WebhooksFunction"]["Properties"]
    for source, queue in (
        ("Deliveries", "WebhooksQueue"),
        ("AbandonedDeliveries", "WebhooksDeadLetters"),
    ):
        event = sender["Events"][source]["Properties"]
        assert event["Queue"] == {"Fn::GetAtt": [queue, "Arn"]}
        assert event["BatchSize"] == 1
        assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        lease = sender["Timeout"] + Settings().lease_margin
        assert resources[queue]["Properties"]["VisibilityTimeout"] > lease


def test_deliveries_outlive_their_schedule_in_the_queue(template, resources):
    schedule = template["Parameters"]["WebhookSchedule"]["Default"]
    assert tuple(map(int, schedule.split(","))) == Settings().webhook_schedule
    queue = resources["WebhooksQueue"]["Properties"]
    assert queue["MessageRetentionPeriod"] > 1.1 * sum(Settings().webhook_schedule)
    assert queue["RedrivePolicy"]["maxReceiveCount"] > 2 * len(Settings().webhook_schedule)


def test_worker_takes_one_message_at_a_time_and_sees_it_again_after_its_lease(resources):
    worker = resources["WorkerFunction"]["Properties"]
    jobs = worker["Events"]["Jobs"]["Properties"]
    assert (jobs["BatchSize"], jobs["FunctionResponseTypes"]) == (1, ["ReportBatchItemFailures"])
    assert jobs["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "JobsConcurrency"}}
    lines = worker["Events"]["BatchLines"]["Properties"]
    assert {**jobs, **lines} == {
        **jobs,
        "Queue": {"Fn::GetAtt": ["BatchesQueue", "Arn"]},
        "ScalingConfig": {"MaximumConcurrency": {"Ref": "BatchesConcurrency"}},
    }
    lease = 900 + Settings().lease_margin
    for name in ("EditsQueue", "BatchesQueue", "EditsDeadLetters"):
        assert resources[name]["Properties"]["VisibilityTimeout"] >= lease


def test_worker_has_the_variables_of_an_edit(resources):
    edits, worker = (
        set(resources[name]["Properties"]["Environment"]["Variables"])
        for name in ("EditsFunction", "WorkerFunction")
    )
    http_only = {
        "PLAYGROUND",
        "SILENCE_SECONDS",
        "CORS_ORIGINS",
        "AUTH_MODE",
        "URL_SECONDS",
        "ASYNC_RETRIES",  # of direct invokes
    }
    assert edits - worker == {f"RETOUCH_{name}" for name in http_only}
    assert worker - edits == {
        f"RETOUCH_{name}"
        for name in ("EDITS_DEAD_LETTERS", "EVENTS_DEAD_LETTERS", "REPLY_QUEUES", "INBOX")
    }


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


def test_smallest_memory_holds_an_edit_of_the_largest_image(template):
    peak_row = re.search(
        r"stays below (\d+) MB during an edit", (ROOT / "docs/speed.md").read_text()
    )
    assert peak_row is not None
    file_megabytes = 2 * Settings().max_upload_bytes / 1e6  # the image and its mask
    peak = int(peak_row[1]) + file_megabytes
    assert template["Parameters"]["MemorySize"]["MinValue"] >= peak


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


def test_api_logs_role_of_the_account_is_kept_by_default(template, resources):
    assert template["Parameters"]["ApiLogsRole"]["Default"] == "keep"
    for name in ("ApiAccount", "ApiAccountRole"):
        assert resources[name]["Condition"] == "CreatesApiLogsRole"


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


@pytest.mark.parametrize("role", ["EditsRole", "WorkerRole"])
def test_functions_that_make_edits_write_no_key_and_no_limit(resources, role):
    writes = {
        str(statement["Resource"])
        for statement in policy_statements(resources, role)
        for action in as_list(statement["Action"])
        if action in ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")
    }
    assert not any("KeysTable" in one or "TenantsTable" in one for one in writes)


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


def test_alarms_cover_gateway_faults_unknown_orders_and_mirror_queues_only(resources):
    alarms = {
        (p["Properties"]["Namespace"], p["Properties"]["MetricName"])
        for p in resources.values()
        if p["Type"] == "AWS::CloudWatch::Alarm"
    }
    own = {
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Throttles"),
        ("Retouch", "EditErrors"),
        ("Retouch", "OrdersUnknown"),
    }
    queues = {
        ("Retouch", "MirrorOrderAge"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
    }
    assert alarms == own | queues


def test_dashboard_body_is_json_with_seven_widgets(resources):
    body = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body)["widgets"]
    assert len(widgets) == 7


def test_stack_outputs_include_endpoint_curl_and_resource_names(template):
    assert {"Endpoint", "Curl", "Dashboard", "Bucket", "SecretArn", "KeysTable"} <= set(
        template["Outputs"]
    )
    assert template["Outputs"]["Endpoint"]["Value"]["Fn::Sub"].endswith("/prod/v1")
    curl = template["Outputs"]["Curl"]["Value"]["Fn::Sub"]
    for path in re.findall(r"@(\S+)", curl):
        assert (ROOT / path).exists()


def test_checkov_skips_all_have_a_comment(resources):
    for name, resource in resources.items():
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert len(skip["comment"]) > 20, name
