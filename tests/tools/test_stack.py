"""Tests of the location of a stack, and of the one-line messages for the errors of AWS."""

import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore import exceptions as aws
from moto import mock_aws

from tools import account as account_check
from tools import api_logs_role, doctor, keys, secret
from tools.stack import CommandError, StackLocation, error_sentence, locate_stack, run_command

ROOT = Path(__file__).parents[2]
SAVED = """\
[default.global.parameters]
stack_name = "{stack}"
[default.deploy.parameters]
region = "{region}"
profile = "{profile}"
"""


def save(folder, file, stack, region, profile=""):
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(SAVED.format(stack=stack, region=region, profile=profile))


def test_region_and_profile_of_the_deployment_are_used(tmp_path):
    save(tmp_path, "make/samconfig.toml", "shop", "eu-west-1", "work")
    assert locate_stack("shop", root=tmp_path) == StackLocation("shop", "eu-west-1", "work")


def test_each_stack_has_the_region_of_its_own_file(tmp_path):
    save(tmp_path, "make/samconfig.toml", "shop", "eu-west-1")
    save(tmp_path, "make/samconfig-staging.toml", "staging", "us-west-2")
    save(tmp_path, "samconfig.toml", "plain", "ap-south-1")
    regions = [locate_stack(n, root=tmp_path).region for n in ("shop", "staging", "plain", "new")]
    assert regions == ["eu-west-1", "us-west-2", "ap-south-1", ""]


def test_named_region_counts_more_than_the_saved_one(tmp_path):
    save(tmp_path, "make/samconfig.toml", "shop", "eu-west-1")
    assert locate_stack("shop", "us-east-2", tmp_path).region == "us-east-2"


def test_saved_region_counts_more_than_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    save(tmp_path, "make/samconfig.toml", "shop", "eu-west-1")
    client = locate_stack("shop", root=tmp_path).client("dynamodb")
    assert client.meta.region_name == "eu-west-1"


def test_broken_file_of_the_deployment_is_named(tmp_path):
    (tmp_path / "samconfig.toml").write_text("stack_name = ")
    with pytest.raises(CommandError, match=r"samconfig.toml is not valid TOML"):
        locate_stack("shop", root=tmp_path)


def client_error(code):
    return aws.ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (aws.NoCredentialsError(), "There are no usable AWS credentials"),
        (aws.PartialCredentialsError(provider="env", cred_var="x"), "no usable AWS credentials"),
        (aws.UnauthorizedSSOTokenError(), "no usable AWS credentials"),
        (aws.TokenRetrievalError(provider="sso", error_msg="x"), "no usable AWS credentials"),
        (aws.EndpointConnectionError(endpoint_url="https://x"), "AWS cannot be reached"),
        (aws.ConnectTimeoutError(endpoint_url="https://x"), "AWS cannot be reached"),
        (aws.ReadTimeoutError(endpoint_url="https://x"), "AWS cannot be reached"),
        (aws.SSLError(endpoint_url="https://x", error=OSError("x")), "AWS cannot be reached"),
        (aws.ProxyConnectionError(proxy_url="https://x"), "AWS cannot be reached"),
        (aws.ProfileNotFound(profile="work"), "work"),
        (client_error("ExpiredTokenException"), "AWS does not accept the credentials"),
        (client_error("UnrecognizedClientException"), "AWS does not accept the credentials"),
        (client_error("AccessDeniedException"), "lack a permission"),
        (client_error("ResourceNotFoundException"), "does not exist: deploy the stack again"),
        (client_error("ThrottlingException"), "ThrottlingException"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_error_of_aws_becomes_one_sentence(error, sentence, capsys):
    def command():
        raise error

    assert sentence in error_sentence(error)
    assert run_command(command) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_interrupted_command_prints_no_stack_trace(capsys):
    def command():
        raise KeyboardInterrupt

    assert run_command(command) == 130
    assert capsys.readouterr().err == "Stopped.\n"


MODULES = {
    "tools.keys": ["list"],
    "tools.doctor": [],
    "tools.secret": ["OPENAI_API_KEY"],
    "tools.api_logs_role": [],
    "tools.account": [],
}
# An account without credentials, and one whose endpoints nobody serves.
NO_CREDENTIALS = {"AWS_EC2_METADATA_DISABLED": "true"}
NO_NETWORK = {
    "AWS_ACCESS_KEY_ID": "k",
    "AWS_SECRET_ACCESS_KEY": "s",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
}


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(
    ("env", "region", "message"),
    [
        (NO_CREDENTIALS, "eu-west-1", "There are no usable AWS credentials"),
        (NO_NETWORK, "eu-west-1", "AWS cannot be reached"),
        (NO_NETWORK, "", "The region of the stack 'no-such-stack' is unknown"),
    ],
    ids=["no_credentials", "no_network", "no_region"],
)
def test_command_prints_one_sentence_and_no_stack_trace(module, env, region, message, tmp_path):
    arguments = ["--stack", "no-such-stack", "--region", region, *MODULES[module]]
    completed = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={
            "PATH": "",
            "HOME": str(tmp_path),
            "OPENAI_API_KEY": "sk",
            "PYTHONPATH": f"{ROOT / 'layers/retouch'}:{ROOT}",
            **env,
        },
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert (completed.returncode, completed.stdout) == (1, "")
    (line,) = completed.stderr.splitlines()
    assert message in line


@pytest.fixture
def account(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


@pytest.mark.parametrize("main", [keys.main, doctor.main, secret.main])
def test_missing_stack_is_named_with_its_region(account, main, capsys, monkeypatch):
    monkeypatch.setattr("tools.secret.read_value", lambda *_: "sk")
    actions = {keys.main: ["list"], doctor.main: [], secret.main: ["OPENAI_API_KEY"]}
    assert main(["--stack", "nothing", "--region", "eu-west-3", *actions[main]]) == 1
    assert capsys.readouterr().err.startswith("There is no stack 'nothing' in eu-west-3.")


@pytest.mark.parametrize(
    ("region", "profile", "options"),
    [("", "", "--region us-east-1"), ("eu-west-3", "work", "--region eu-west-3 --profile work")],
)
def test_account_check_prints_region_and_profile_as_options_of_sam(
    region, profile, options, account, tmp_path, capsys, monkeypatch
):
    (tmp_path / "config").write_text(
        "[profile work]\naws_access_key_id = k\naws_secret_access_key = s\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    location = StackLocation("shop", region, profile)
    monkeypatch.setattr(account_check, "locate_stack", lambda *_: location)
    assert account_check.main([]) == 0
    assert capsys.readouterr().out == f"{options}\n"


def test_account_check_names_a_stack_that_must_exist_and_does_not(account, capsys):
    arguments = ["--stack", "nothing", "--region", "eu-west-3", "--deployed"]
    assert account_check.main(arguments) == 1
    assert capsys.readouterr().err.startswith("There is no stack 'nothing' in eu-west-3.")


def test_role_for_api_logs_is_created_only_if_the_account_has_none(account, capsys, monkeypatch):
    assert api_logs_role.main([]) == 0
    client = boto3.client("apigateway")
    monkeypatch.setattr(
        StackLocation, "client", lambda *_: FakeApiGateway({"cloudwatchRoleArn": "arn:role"})
    )
    assert api_logs_role.main([]) == 0
    assert capsys.readouterr().out.split() == ["create", "keep"]
    assert client


class FakeApiGateway:
    """moto has no role in an account, so this account has one."""

    def __init__(self, account):
        self._account = account

    def get_account(self):
        return self._account
