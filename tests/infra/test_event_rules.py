"""Tests of the wiring of event-driven edits in the template: rules, queues, prefixes and permissions."""

import fnmatch
import json
import re

import pytest

from retouch.inbox import object_names
from retouch.orders import jobs
from retouch.orders.order import EVENT_VALIDITY_SECONDS
from tests.support.template import as_list, policy_statements

RULES = ("EditRequestedRule", "InboxRule")
FOLDERS = {
    object_names.RECIPES_PREFIX,
    object_names.INBOX_PREFIX,
    object_names.OUTBOX_PREFIX,
    object_names.FAILED_PREFIX,
}


def arn(name):
    return {"Fn::GetAtt": [name, "Arn"]}


def test_every_rule_of_the_stack_is_tested(resources):
    rules = {
        name for name, resource in resources.items() if resource["Type"] == "AWS::Events::Rule"
    }
    assert rules == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_target_of_a_rule_is_the_queue_with_a_dead_letter_queue_and_a_retry_policy(resources, rule):
    (target,) = resources[rule]["Properties"]["Targets"]
    assert target["Arn"] == arn("EditsQueue")
    assert target["DeadLetterConfig"] == {"Arn": arn("EventsDeadLetters")}
    policy = target["RetryPolicy"]
    assert policy["MaximumRetryAttempts"] > 0
    assert 60 <= policy["MaximumEventAgeInSeconds"] <= 86_400


def test_rules_of_functions_have_a_dead_letter_queue_and_a_retry_policy_too(resources):
    for name, resource in resources.items():
        events = resource.get("Properties", {}).get("Events") or {}
        for event in events.values() if resource["Type"] == "AWS::Serverless::Function" else []:
            if event["Type"] == "EventBridgeRule":
                assert {"RetryPolicy", "DeadLetterConfig"} <= set(event["Properties"]), name


def test_only_the_rules_of_the_stack_may_send_events_to_its_queues(resources):
    statements = resources["EditsQueuesPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = [one for one in statements if one["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Resource"] == [arn("EditsQueue"), arn("EventsDeadLetters")]
    sources = json.dumps(allowed["Condition"]["ArnEquals"]["aws:SourceArn"])
    assert all(f'"{rule}", "Arn"' in sources for rule in RULES)


def test_rule_of_the_inbox_sees_only_the_inbox(resources):
    pattern = resources["InboxRule"]["Properties"]["EventPattern"]
    assert (pattern["source"], pattern["detail-type"]) == (["aws.s3"], ["Object Created"])
    assert pattern["detail"]["object"]["key"] == [{"prefix": object_names.INBOX_PREFIX}]
    assert "EventBusName" not in resources["InboxRule"]["Properties"]  # S3 uses the default bus


def test_rules_take_events_of_this_account_only(resources):
    for rule in RULES:
        pattern = resources[rule]["Properties"]["EventPattern"]
        assert pattern["account"] == [{"Ref": "AWS::AccountId"}]


def test_events_that_the_worker_publishes_match_no_rule(resources):
    from retouch.api.response import edit_event

    types = [edit_event.COMPLETED_TYPE, edit_event.FAILED_TYPE, edit_event.CANCELLED_TYPE]
    for rule in RULES:
        assert not set(types) & set(resources[rule]["Properties"]["EventPattern"]["detail-type"])


def test_bucket_sends_events_only_with_an_inbox(resources):
    condition, enabled, absent = resources["ResultsBucket"]["Properties"][
        "NotificationConfiguration"
    ]["Fn::If"]
    assert (condition, absent) == ("HasInbox", {"Ref": "AWS::NoValue"})
    assert enabled == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_folders_of_inboxes_overlap_with_nothing(resources):
    rules = resources["ResultsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = set(re.findall(r"'Prefix': '([^']*)'", str(rules)))
    assert {"results/", "orders/"} <= expiring
    folders = [*FOLDERS, *expiring]
    for folder in FOLDERS:
        others = [one for one in folders if one != folder]
        assert not [one for one in others if one.startswith(folder) or folder.startswith(one)]


def worker_objects(resources, action):
    """Return the patterns of objects for which the worker may take the action."""
    patterns = set()
    for statement in policy_statements(resources, "WorkerRole"):
        if action in as_list(statement["Action"]):
            patterns |= set(
                re.findall(r"[}:](?:\}|)/([a-z]+/)\*", json.dumps(statement["Resource"]))
            )
    return patterns


def test_worker_reads_the_inbox_and_can_never_write_where_it_listens(resources):
    written, read = (
        worker_objects(resources, "s3:PutObject"),
        worker_objects(resources, "s3:GetObject"),
    )
    assert read >= FOLDERS
    assert {object_names.OUTBOX_PREFIX, object_names.FAILED_PREFIX} <= written
    assert not {object_names.INBOX_PREFIX, object_names.RECIPES_PREFIX} & written


def test_no_permission_of_the_worker_is_for_all_objects_of_a_bucket(resources):
    for statement in policy_statements(resources, "WorkerRole"):
        text = json.dumps(statement["Resource"])
        assert not fnmatch.fnmatch(text, '*Arn}/[*]"*'), text
        assert "*" not in as_list(statement["Action"])


@pytest.mark.parametrize(
    ("condition", "actions"),
    [
        ("HasReplyQueues", {"sqs:SendMessage", "sqs:GetQueueUrl"}),
        (
            "HasStateMachines",
            {"states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"},
        ),
        ("HasEventsBus", {"events:PutEvents"}),
    ],
)
def test_worker_may_tell_only_whom_a_parameter_names(resources, condition, actions):
    (policy,) = resources["WorkerRole"]["Properties"]["Policies"]
    statements = [
        one["Fn::If"][1]
        for one in policy["PolicyDocument"]["Statement"]
        if "Fn::If" in one and one["Fn::If"][0] == condition
    ]
    assert {action for one in statements for action in as_list(one["Action"])} == actions
    unconditional = json.dumps(
        [one for one in policy["PolicyDocument"]["Statement"] if "Fn::If" not in one]
    )
    assert "states:" not in unconditional
    assert "events:PutEvents" not in unconditional


def test_dead_letter_queue_of_events_is_kept_for_14_days_polled_by_nobody_and_has_an_alarm(
    resources,
):
    queue = resources["EventsDeadLetters"]["Properties"]
    assert queue["MessageRetentionPeriod"] == EVENT_VALIDITY_SECONDS
    assert '"EventsDeadLetters"' not in json.dumps(
        resources["WorkerFunction"]["Properties"]["Events"]
    )
    alarm = resources["EventsDeadLettersAlarm"]["Properties"]
    assert alarm["Dimensions"][0]["Value"] == {"Fn::GetAtt": ["EventsDeadLetters", "QueueName"]}
    assert alarm["Threshold"] == 1


def test_queue_takes_the_largest_messages_and_delivers_them_until_the_longest_deadline(resources):
    queue = resources["EditsQueue"]["Properties"]
    assert queue["MaximumMessageSize"] == 1_048_576
    receives = queue["RedrivePolicy"]["maxReceiveCount"]
    assert sum(jobs.event_pause(n) for n in range(1, receives)) > 43_200


def test_events_add_no_polled_queue(resources):
    sources = [
        event["Properties"]["Queue"]
        for resource in resources.values()
        if resource["Type"] == "AWS::Serverless::Function"
        for event in (resource["Properties"].get("Events") or {}).values()
        if event["Type"] == "SQS"
    ]
    assert sources.count(arn("EditsQueue")) == 1
    assert arn("EventsDeadLetters") not in sources
