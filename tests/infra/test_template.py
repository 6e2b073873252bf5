"""Tests of the template: its parameters, its functions and their variables, its alarms and its outputs."""

import json
import re

from retouch.core.settings import Settings
from tests.infra.conftest import ROOT
from tests.support.template import as_list, policy_statements


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


def test_smallest_memory_holds_an_edit_of_the_largest_image(template):
    peak_row = re.search(
        r"stays below (\d+) MB during an edit", (ROOT / "docs/speed.md").read_text()
    )
    assert peak_row is not None
    file_megabytes = 2 * Settings().max_upload_bytes / 1e6  # the image and its mask
    peak = int(peak_row[1]) + file_megabytes
    assert template["Parameters"]["MemorySize"]["MinValue"] >= peak


def test_api_logs_role_of_the_account_is_kept_by_default(template, resources):
    assert template["Parameters"]["ApiLogsRole"]["Default"] == "keep"
    for name in ("ApiAccount", "ApiAccountRole"):
        assert resources[name]["Condition"] == "CreatesApiLogsRole"


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
