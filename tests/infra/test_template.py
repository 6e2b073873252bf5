"""What the template promises about the function, its rights and what is kept."""

import json
import re

import pytest

from retouch.edges.telemetry import Telemetry
from retouch.settings import Settings
from tests.infra.conftest import ROOT

STATEFUL = ("ResultsBucket", "ProviderSecret", "KeysTable", "MirrorDeadLetters")


def statements(resources, role):
    for policy in resources[role]["Properties"].get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def as_list(value):
    return value if isinstance(value, list) else [value]


def test_every_parameter_has_a_default_that_works(template):
    for name, parameter in template["Parameters"].items():
        assert "Default" in parameter, name


def test_slow_is_not_failed_and_never_silent_for_longer_than_the_gateways_patience(
    template, function
):
    seconds = template["Parameters"]["TimeoutSeconds"]["Default"]
    settings = Settings()
    assert seconds > settings.deadline_margin + settings.least_call
    assert seconds == 900
    silence = float(function["Environment"]["Variables"]["RETOUCH_SILENCE_SECONDS"])
    assert 0 < silence < 300, "a regional API hangs up on 300 silent seconds"


def test_the_runtime_that_streams_is_in_the_layer(function):
    wrapper = function["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]
    file = ROOT / "layers/retouch" / wrapper.removeprefix("/opt/")
    assert file.stat().st_mode & 0o111


# Read by settings.py, and not to be chosen where the template runs them.
OTHER_RUNS = {
    "RETOUCH_LEAST_CALL_SECONDS": "tests and benches, whose providers answer at once",
    "RETOUCH_HEARTBEAT_SECONDS": "fronts that hang up sooner than API Gateway does",
    "RETOUCH_MIRROR_BYTES": "other disks: EphemeralStorage holds eight files of the default",
    "RETOUCH_MIRROR_PARALLEL": "other disks, as above",
    "RETOUCH_MIRROR_SECONDS": "other timeouts: the default is half of the mirror function's",
}


def variables(resources):
    """Every variable of either function."""
    functions = (resources[name]["Properties"] for name in ("EditsFunction", "MirrorFunction"))
    return {name for each in functions for name in each["Environment"]["Variables"]}


def test_variables_are_ones_that_somebody_reads(resources):
    known = set(read_by_settings())
    assert {n for n in variables(resources) if n.startswith("RETOUCH_")} <= known


def test_what_is_read_can_be_set_or_there_is_a_reason(resources):
    documented = (ROOT / "docs/configuration.md").read_text()
    assert set(read_by_settings()) - variables(resources) == set(OTHER_RUNS)
    for name in OTHER_RUNS:
        (line,) = [x for x in documented.splitlines() if x.startswith(f"| `{name}` |")]
        assert "not in the template" in line, name


def read_by_settings():
    source = (ROOT / "layers/retouch/retouch/settings.py").read_text()
    return re.findall(r'"(RETOUCH_[A-Z_]+)"', source)


def test_every_parameter_and_output_has_its_line_in_the_documentation(template):
    text = (ROOT / "docs/deploy.md").read_text()
    named = [*template["Parameters"], *template["Outputs"]]
    assert [name for name in named if f"`{name}`" not in text] == []


def test_every_parameter_is_used(template, resources):
    text = (ROOT / "template.yaml").read_text().partition("\nConditions:")[2]
    unused = [n for n in template["Parameters"] if not re.search(rf"\b{n}\b", text)]
    assert unused == []


def test_an_edit_is_never_bought_again_by_lambda(function):
    """An asynchronous invoke that fails is repeated twice unless this says no."""
    assert function["EventInvokeConfig"] == {"MaximumRetryAttempts": 0}


def test_the_stacks_own_address_can_be_told_to_both_functions(template, resources):
    for name in ("EditsFunction", "MirrorFunction"):
        variables = resources[name]["Properties"]["Environment"]["Variables"]
        assert variables["RETOUCH_BASE_URL"] == {"Ref": "BaseUrl"}
    pattern = template["Parameters"]["BaseUrl"]["AllowedPattern"]
    for good in ("", "https://x.execute-api.us-east-1.amazonaws.com/prod", "https://gw.example"):
        assert re.fullmatch(pattern, good)
    for bad in ("http://gw.example", "gw.example", "https://gw.example/prod/v1", "https://gw/v1/"):
        assert not re.fullmatch(pattern, bad)


def test_no_secret_is_a_variable(function):
    for name, value in function["Environment"]["Variables"].items():
        assert not re.search("KEY$|TOKEN|PASSWORD", name)
        assert "resolve:" not in json.dumps(value)


@pytest.mark.parametrize("role", ["EditsRole", "MirrorRole"])
def test_rights_are_named_one_by_one(resources, role):
    assert "ManagedPolicyArns" not in resources[role]["Properties"]
    for statement in statements(resources, role):
        assert all("*" not in action for action in as_list(statement["Action"])), statement
        assert all(resource != "*" for resource in as_list(statement["Resource"])), statement


def test_rights_end_at_what_is_ours(resources):
    rights = {}
    for statement in statements(resources, "EditsRole"):
        for action in as_list(statement["Action"]):
            rights[action] = rights.get(action, "") + json.dumps(statement["Resource"])
    assert set(rights) == {
        "s3:GetObject",
        "s3:PutObject",
        "s3:ListBucket",
        "secretsmanager:GetSecretValue",
        "sqs:SendMessage",
        "bedrock:InvokeModel",
        "bedrock:ApplyGuardrail",
        "dynamodb:GetItem",
        "dynamodb:Scan",
        "dynamodb:UpdateItem",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    assert "results/*" in rights["s3:PutObject"]
    assert "uploads/*" in rights["s3:PutObject"]
    assert "ResultsBucket.Arn}/*" not in rights["s3:PutObject"]


def test_the_bucket_is_private_and_forgets(resources):
    bucket = resources["ResultsBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    assert "VersioningConfiguration" not in bucket
    rules = bucket["LifecycleConfiguration"]["Rules"]
    ends = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule}
    assert ends == {
        "results/": {"Ref": "ResultDays"},
        "uploads/": 1,
        "mirror/answers/": 1,
        "mirror/edits/": 1,
        "cache/": 90,
    }
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


def test_results_outlive_their_links(template):
    days, seconds = (template["Parameters"][name] for name in ("ResultDays", "UrlSeconds"))
    assert days["MinValue"] * 86_400 >= seconds["MaxValue"]
    assert seconds["Default"] == Settings().url_lifetime


def test_the_bucket_speaks_tls_only(resources):
    (statement,) = resources["ResultsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == (
        "Deny",
        "*",
        "s3:*",
    )
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(statement["Resource"]) == 2


@pytest.mark.parametrize("name", STATEFUL)
def test_what_cannot_be_made_again_survives_the_stack(resources, name):
    assert resources[name]["DeletionPolicy"] == resources[name]["UpdateReplacePolicy"] == "Retain"


def test_the_secret_begins_with_a_pepper(resources):
    generated = resources["ProviderSecret"]["Properties"]["GenerateSecretString"]
    assert generated["GenerateStringKey"] == "RETOUCH_PEPPER"
    assert json.loads(generated["SecretStringTemplate"]) == {}
    assert generated["PasswordLength"] >= 43, "256 bits of letters and digits"


def test_keys_are_looked_up_by_digest_and_cost_nothing_unasked(resources):
    table = resources["KeysTable"]["Properties"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert table["SSESpecification"]["SSEEnabled"]
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]


def test_logs_end(resources):
    for group in ("EditsLogs", "MirrorLogs", "ApiLogs"):
        assert resources[group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_alarms_ring_for_our_own_faults_only(resources):
    alarms = {
        (p["Properties"]["Namespace"], p["Properties"]["MetricName"])
        for p in resources.values()
        if p["Type"] == "AWS::CloudWatch::Alarm"
    }
    own = {("AWS/Lambda", "Errors"), ("AWS/Lambda", "Throttles"), ("Retouch", "EditErrors")}
    queues = {
        ("Retouch", "MirrorOrderAge"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
    }
    assert alarms == own | queues
    assert own_dimensions(resources)["blame"] == "gateway"


def test_the_alarm_listens_to_what_the_function_says(resources, capsys):
    Telemetry().record(
        "edit", 500, 1.0, {"error": "internal_error", "blame": "gateway", "param": None}
    )
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (said,) = [line for line in lines if "_aws" in line]
    (metrics,) = said["_aws"]["CloudWatchMetrics"]
    (dimensions,) = metrics["Dimensions"]
    alarm = own_dimensions(resources)
    assert metrics["Namespace"] == "Retouch"
    assert "EditErrors" in said
    assert {name: said[name] for name in dimensions} == alarm


def own_dimensions(resources):
    alarm = resources["GatewayFaultsAlarm"]["Properties"]
    return {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}


def test_the_dashboard_is_valid_json(resources):
    body = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body)["widgets"]
    assert len(widgets) == 6


def test_outputs_say_all_that_a_caller_and_an_operator_need(template):
    assert {"Endpoint", "Curl", "Dashboard", "Bucket", "SecretArn", "KeysTable"} <= set(
        template["Outputs"]
    )
    assert template["Outputs"]["Endpoint"]["Value"]["Fn::Sub"].endswith("/prod/v1")
    curl = template["Outputs"]["Curl"]["Value"]["Fn::Sub"]
    for path in re.findall(r"@(\S+)", curl):
        assert (ROOT / path).exists()


def test_every_skip_of_the_policy_scan_has_its_reason(resources):
    for name, resource in resources.items():
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert len(skip["comment"]) > 20, name
