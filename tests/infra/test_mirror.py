"""What the template promises about the mirror: its ways in, its rights, and that nothing is lost unseen."""

import json

import pytest

from retouch.edges.mirror.telemetry import MirrorTelemetry
from retouch.mirror import order, verdict
from retouch.mirror.notices import FAILED, STORED
from retouch.settings import Settings
from tests.infra.conftest import ROOT
from tests.infra.test_template import as_list, statements

SHORTEST_LINK = 600  # seconds a provider's result URL lives, at the least


@pytest.fixture(scope="module")
def mirror(resources):
    return resources["MirrorFunction"]["Properties"]


@pytest.fixture(scope="module")
def queue(resources):
    return resources["MirrorQueue"]["Properties"]


def rights(resources):
    """{action: its resources} of the one role."""
    found = {}
    for statement in statements(resources, "MirrorRole"):
        for action in as_list(statement["Action"]):
            assert action not in found
            found[action] = json.dumps(statement["Resource"])
    return found


def test_variables_are_ones_that_somebody_reads(mirror):
    known = (ROOT / "layers/retouch/retouch/settings.py").read_text()
    for name in mirror["Environment"]["Variables"]:
        assert not name.startswith("RETOUCH_") or f'"{name}"' in known, name


def test_it_may_do_what_it_does_and_no_more(resources):
    found = rights(resources)
    assert set(found) == {
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
    assert not any('"*"' in resource for resource in found.values())


def test_it_writes_into_its_own_folder_only(resources):
    found = rights(resources)
    assert json.loads(found["s3:PutObject"])["Fn::Sub"] == "${ResultsBucket.Arn}/mirror/*"
    assert order.ANSWERS.startswith(f"{order.FOLDER}/")


def test_what_is_left_of_an_order_may_go_into_its_own_queue(resources, mirror):
    sent = json.loads(rights(resources)["sqs:SendMessage"])
    assert [resource["Fn::GetAtt"][0] for resource in sent] == ["MirrorDeadLetters", "MirrorQueue"]
    assert mirror["RecursiveLoop"] == "Allow", "or Lambda ends it after sixteen rounds"


def test_mirrored_pictures_stay_and_what_edits_ask_for_does_not(resources):
    rules = resources["ResultsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    ends = {rule["Prefix"] for rule in rules if "Prefix" in rule}
    assert {order.ANSWERS, order.EDITS} <= ends
    assert not any("mirror/shop/x.png".startswith(prefix) for prefix in ends)


def test_unfinished_uploads_are_removed(resources):
    rules = resources["ResultsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    (rule,) = [rule for rule in rules if "AbortIncompleteMultipartUpload" in rule]
    assert rule["Status"] == "Enabled"
    assert "Prefix" not in rule, "of whatever folder"


def test_the_ways_in(mirror):
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


def test_a_request_may_take_as_long_as_the_function_and_is_never_silent_for_too_long(mirror):
    assert mirror["Events"]["Mirror"]["Properties"]["TimeoutInMillis"] > mirror["Timeout"] * 1000
    assert mirror["Timeout"] < 300, "a regional API hangs up on 300 silent seconds"


def test_one_bad_message_does_not_repeat_the_others(mirror):
    properties = mirror["Events"]["Orders"]["Properties"]
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert properties["BatchSize"] == 5


def test_a_message_is_not_handed_out_twice_at_once(mirror, queue):
    assert queue["VisibilityTimeout"] >= 6 * mirror["Timeout"]


def test_what_nobody_can_do_ends_in_the_queue_for_dead_letters(resources, mirror, queue):
    dead = {"Fn::GetAtt": ["MirrorDeadLetters", "Arn"]}
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": dead,
        "maxReceiveCount": verdict.TRIES,
    }
    assert mirror["Events"]["Requested"]["Properties"]["DeadLetterConfig"]["Arn"] == dead
    failed = mirror["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
    assert failed == {"Type": "SQS", "Destination": dead}
    days = resources["MirrorDeadLetters"]["Properties"]["MessageRetentionPeriod"] / 86_400
    assert days == 14


def test_what_it_tells_the_bus_is_no_order(mirror):
    pattern = mirror["Events"]["Requested"]["Properties"]["Pattern"]
    assert not {STORED, FAILED} & set(pattern["detail-type"])


def test_temporary_files_have_room(mirror):
    settings = Settings()
    assert (
        mirror["EphemeralStorage"]["Size"] * 2**20
        > settings.mirror_parallel * settings.mirror_bytes
    )
    assert settings.mirror_seconds < mirror["Timeout"]


def test_both_queues_speak_tls_only_and_are_encrypted(resources):
    policy = resources["MirrorQueuesPolicy"]["Properties"]
    deny = policy["PolicyDocument"]["Statement"][0]
    assert (deny["Effect"], deny["Principal"]) == ("Deny", "*")
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert policy["Queues"] == [{"Ref": "MirrorQueue"}, {"Ref": "MirrorDeadLetters"}]
    for name in ("MirrorQueue", "MirrorDeadLetters"):
        assert resources[name]["Properties"]["SqsManagedSseEnabled"] is True


def test_the_alarm_rings_while_the_links_still_live(resources):
    alarm = resources["MirrorLateAlarm"]["Properties"]
    assert alarm["MetricName"] == "ApproximateAgeOfOldestMessage"
    assert alarm["Threshold"] + alarm["Period"] < SHORTEST_LINK


def test_so_does_the_one_for_orders_that_are_sent_again(resources, mirror):
    alarm = resources["MirrorUnfinishedAlarm"]["Properties"]
    pause = verdict.pause(verdict.TRIES - 1)
    # Told of just before it was late, an order is told of again after its pause and its next try.
    assert alarm["Threshold"] + pause + mirror["Timeout"] + alarm["Period"] < SHORTEST_LINK


def test_it_listens_to_what_the_mirror_says(resources, capsys):
    MirrorTelemetry().waits(301.5)
    (said,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    (metrics,) = said["_aws"]["CloudWatchMetrics"]
    (dimensions,) = metrics["Dimensions"]
    alarm = resources["MirrorUnfinishedAlarm"]["Properties"]
    assert (metrics["Namespace"], said[alarm["MetricName"]]) == (alarm["Namespace"], [301.5])
    assert [{"Name": n, "Value": said[n]} for n in dimensions] == alarm["Dimensions"]


def test_the_first_dead_letter_rings(resources):
    alarm = resources["MirrorDeadLettersAlarm"]["Properties"]
    assert alarm["Dimensions"][0]["Value"] == {"Fn::GetAtt": ["MirrorDeadLetters", "QueueName"]}
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
