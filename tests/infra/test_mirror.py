"""Tests of the mirror in the template: its event sources, its permissions, its queues and its alarms."""

import json

import pytest

from retouch.core.settings import Settings
from retouch.infrastructure.telemetry.telemetry import MirrorTelemetry
from retouch.mirror import request, retry_decision
from retouch.mirror.cloud_events import FAILED_TYPE, STORED_TYPE
from tests.infra.conftest import ROOT
from tests.support.template import as_list, lifecycle_rules, policy_statements

MIN_RESULT_URL_SECONDS = 600  # The minimum lifetime of a provider's result URL, in seconds.


@pytest.fixture(scope="module")
def mirror(resources):
    return resources["MirrorFunction"]["Properties"]


@pytest.fixture(scope="module")
def queue(resources):
    return resources["MirrorQueue"]["Properties"]


def role_permissions(resources):
    """Return {action: resources} of the mirror role."""
    permissions = {}
    for statement in policy_statements(resources, "MirrorRole"):
        for action in as_list(statement["Action"]):
            assert action not in permissions
            permissions[action] = json.dumps(statement["Resource"])
    return permissions


def test_mirror_function_variables_are_read_by_settings(mirror):
    known = (ROOT / "layers/retouch/retouch/core/settings.py").read_text()
    for name in mirror["Environment"]["Variables"]:
        assert not name.startswith("RETOUCH_") or f'"{name}"' in known, name


def test_mirror_role_has_exactly_the_needed_permissions(resources):
    permissions = role_permissions(resources)
    assert set(permissions) == {
        "s3:GetObject",
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ChangeMessageVisibility",
        "sqs:SendMessage",
        "secretsmanager:GetSecretValue",
        "dynamodb:GetItem",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "events:PutEvents",
    }
    assert not any('"*"' in resource for resource in permissions.values())


def test_mirror_role_writes_only_below_the_mirror_prefix(resources):
    permissions = role_permissions(resources)
    assert json.loads(permissions["s3:PutObject"])["Fn::Sub"] == "${ResultsBucket.Arn}/mirror/*"
    assert request.RESPONSE_PREFIX.startswith(f"{request.DEFAULT_PREFIX}/")


def test_mirror_function_may_requeue_unfinished_messages(resources, mirror):
    queue_resources = json.loads(role_permissions(resources)["sqs:SendMessage"])
    assert [resource["Fn::GetAtt"][0] for resource in queue_resources] == [
        "MirrorDeadLetters",
        "MirrorQueue",
    ]
    assert mirror["RecursiveLoop"] == "Allow", "Otherwise Lambda stops the loop after 16 rounds."


def test_bucket_lifecycle_expires_edit_copies_but_no_mirrored_images(resources):
    expiring_prefixes = {
        rule["Prefix"]
        for rule in lifecycle_rules(resources)
        if "Prefix" in rule and rule["ExpirationInDays"] != {"Ref": "MirrorDays"}
    }
    assert {request.RESPONSE_PREFIX, request.EDIT_PREFIX} <= expiring_prefixes
    assert not any("mirror/shop/x.png".startswith(prefix) for prefix in expiring_prefixes)


def test_bucket_lifecycle_aborts_incomplete_uploads_in_every_prefix(resources):
    rules = lifecycle_rules(resources)
    (rule,) = [rule for rule in rules if "AbortIncompleteMultipartUpload" in rule]
    assert rule["Status"] == "Enabled"
    assert "Prefix" not in rule, "The rule applies to every prefix."


def test_mirror_function_has_its_four_event_sources(mirror):
    events = mirror["Events"].values()
    assert [event["Type"] for event in events] == ["Api", "Api", "SQS", "EventBridgeRule"]
    routes = {
        (event["Properties"]["Method"], event["Properties"]["Path"])
        for event in events
        if event["Type"] == "Api"
    }
    assert routes == {("POST", "/v1/mirror"), ("OPTIONS", "/v1/mirror")}
    assert all(
        event["Properties"]["ResponseTransferMode"] == "RESPONSE_STREAM"
        for event in events
        if event["Type"] == "Api"
    )


def test_mirror_route_timeout_exceeds_the_function_timeout(mirror):
    assert mirror["Events"]["Mirror"]["Properties"]["TimeoutInMillis"] > mirror["Timeout"] * 1000
    assert mirror["Timeout"] < 300, "A regional API closes a connection after 300 idle seconds."


def test_mirror_queue_reports_failures_for_each_message(mirror):
    properties = mirror["Events"]["Orders"]["Properties"]
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert properties["BatchSize"] == 5


def test_mirror_queue_visibility_is_six_times_the_function_timeout(mirror, queue):
    assert queue["VisibilityTimeout"] >= 6 * mirror["Timeout"]


def test_failed_mirror_messages_from_every_source_go_to_the_dead_letter_queue(
    resources, mirror, queue
):
    dead_letter_arn = {"Fn::GetAtt": ["MirrorDeadLetters", "Arn"]}
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": dead_letter_arn,
        "maxReceiveCount": retry_decision.MAX_TRIES,
    }
    assert mirror["Events"]["Requested"]["Properties"]["DeadLetterConfig"]["Arn"] == dead_letter_arn
    failed = mirror["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
    assert failed == {"Type": "SQS", "Destination": dead_letter_arn}
    days = resources["MirrorDeadLetters"]["Properties"]["MessageRetentionPeriod"] / 86_400
    assert days == 14


def test_published_mirror_events_do_not_match_the_request_rule(mirror):
    pattern = mirror["Events"]["Requested"]["Properties"]["Pattern"]
    assert not {STORED_TYPE, FAILED_TYPE} & set(pattern["detail-type"])


def test_request_rule_checks_the_account_and_the_source_of_an_event(mirror, template):
    pattern = mirror["Events"]["Requested"]["Properties"]["Pattern"]
    assert pattern["account"] == [{"Ref": "AWS::AccountId"}]
    condition, named, every = pattern["source"]["Fn::If"]
    assert (condition, named) == ("HasEventSources", {"Ref": "EventSources"})
    assert every == [{"anything-but": {"prefix": "aws."}}]
    assert template["Parameters"]["EventSources"]["Default"] == ""


def test_ephemeral_storage_holds_all_parallel_downloads(mirror):
    settings = Settings()
    assert (
        mirror["EphemeralStorage"]["Size"] * 2**20
        > settings.max_parallel_mirrors * settings.max_mirror_bytes
    )
    assert settings.mirror_timeout < mirror["Timeout"]


def test_mirror_queues_require_tls_and_are_encrypted(resources):
    policy = resources["MirrorQueuesPolicy"]["Properties"]
    deny = policy["PolicyDocument"]["Statement"][0]
    assert (deny["Effect"], deny["Principal"]) == ("Deny", "*")
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert policy["Queues"] == [{"Ref": "MirrorQueue"}, {"Ref": "MirrorDeadLetters"}]
    for name in ("MirrorQueue", "MirrorDeadLetters"):
        assert resources[name]["Properties"]["SqsManagedSseEnabled"] is True


def test_mirror_age_alarm_fires_before_result_urls_expire(resources):
    alarm = resources["MirrorLateAlarm"]["Properties"]
    assert alarm["MetricName"] == "ApproximateAgeOfOldestMessage"
    assert alarm["Threshold"] + alarm["Period"] < MIN_RESULT_URL_SECONDS


def test_requeued_message_alarm_fires_before_result_urls_expire(resources, mirror):
    alarm = resources["MirrorUnfinishedAlarm"]["Properties"]
    requeue_delay = retry_decision.retry_delay(retry_decision.MAX_TRIES - 1)
    # A message whose age is just below the threshold reports its age again after the delay and the next attempt.
    assert (
        alarm["Threshold"] + requeue_delay + mirror["Timeout"] + alarm["Period"]
        < MIN_RESULT_URL_SECONDS
    )


def test_unfinished_alarm_matches_the_metric_of_the_mirror(resources, capsys):
    MirrorTelemetry({}).record_request_age(301.5)
    (metric_line,) = [
        json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line
    ]
    (metrics,) = metric_line["_aws"]["CloudWatchMetrics"]
    (dimensions,) = metrics["Dimensions"]
    alarm = resources["MirrorUnfinishedAlarm"]["Properties"]
    assert (metrics["Namespace"], metric_line[alarm["MetricName"]]) == (alarm["Namespace"], [301.5])
    assert [{"Name": n, "Value": metric_line[n]} for n in dimensions] == alarm["Dimensions"]


def test_dead_letter_alarm_fires_at_the_first_message(resources):
    alarm = resources["MirrorDeadLettersAlarm"]["Properties"]
    assert alarm["Dimensions"][0]["Value"] == {"Fn::GetAtt": ["MirrorDeadLetters", "QueueName"]}
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
