"""Tests of the command that writes one variable into the secret of a stack."""

import io
import json

import boto3
import pytest
from moto import mock_aws

from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.secrets import SecretStore
from tests.support.services import FakeClock
from tools import secret

VALUE = "sk-canary-71c0"
OUTPUTS = {"SecretArn": {"Value": "providers"}, "PepperSecretArn": {"Value": "pepper"}}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def aws(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("OPENAI_API_KEY", "BFL_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        client = boto3.client("secretsmanager")
        client.create_secret(Name="providers", SecretString='{"STABILITY_API_KEY": "old"}')
        client.create_secret(Name="pepper", SecretString='{"RETOUCH_PEPPER": "p"}')
        create_stack(OUTPUTS)
        yield client


def create_stack(outputs):
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs}
    boto3.client("cloudformation").create_stack(
        StackName="retouch", TemplateBody=json.dumps(template)
    )


@pytest.fixture
def run_secret(aws, capsys, monkeypatch):
    """Return a function that runs the command with an input and returns (status, output, error)."""

    def run(*arguments, stdin=""):
        monkeypatch.setattr(
            "sys.stdin", stdin if isinstance(stdin, Terminal) else io.StringIO(stdin)
        )
        status = secret.main(arguments)
        printed = capsys.readouterr()
        assert VALUE not in printed.out + printed.err
        return status, printed.out, printed.err

    return run


def stored_secret(aws, name="providers"):
    return json.loads(aws.get_secret_value(SecretId=name)["SecretString"])


def test_value_from_a_redirected_input_is_written_beside_the_others(aws, run_secret):
    status, out, _ = run_secret("OPENAI_API_KEY", stdin=f"{VALUE}\n")
    assert status == 0
    assert out.startswith("Wrote OPENAI_API_KEY.")
    assert stored_secret(aws) == {"STABILITY_API_KEY": "old", "OPENAI_API_KEY": VALUE}
    assert stored_secret(aws, "pepper") == {"RETOUCH_PEPPER": "p"}


def test_value_from_the_environment_is_written(aws, run_secret, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", VALUE)
    assert run_secret("OPENAI_API_KEY")[0] == 0
    assert stored_secret(aws)["OPENAI_API_KEY"] == VALUE


def test_redirected_input_counts_more_than_the_environment(aws, run_secret, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-shell")
    run_secret("OPENAI_API_KEY", stdin=VALUE)
    assert stored_secret(aws)["OPENAI_API_KEY"] == VALUE


def test_value_from_the_prompt_is_written(aws, run_secret, monkeypatch):
    monkeypatch.setattr("getpass.getpass", lambda prompt: VALUE)
    assert run_secret("OPENAI_API_KEY", stdin=Terminal())[0] == 0
    assert stored_secret(aws)["OPENAI_API_KEY"] == VALUE


def test_value_of_several_lines_is_written_whole(aws, run_secret):
    document = '{\n "type": "service_account"\n}'
    assert run_secret("VERTEX_AI_SERVICE_ACCOUNT_JSON", stdin=document)[0] == 0
    assert stored_secret(aws)["VERTEX_AI_SERVICE_ACCOUNT_JSON"] == document


def test_gateway_reads_the_written_value(aws, run_secret):
    run_secret("OPENAI_API_KEY", stdin=VALUE)
    settings = Settings(secret_id="providers", pepper_secret_id="pepper")
    values = SecretStore(settings, FakeClock(), AwsClients()).read()
    assert (values["OPENAI_API_KEY"], values["RETOUCH_PEPPER"]) == (VALUE, "p")


def test_secret_variable_is_removed_once_and_then_unknown(aws, run_secret):
    assert run_secret("--remove", "STABILITY_API_KEY")[0] == 0
    assert stored_secret(aws) == {}
    assert run_secret("--remove", "STABILITY_API_KEY")[0] == 1


def test_provider_keys_beside_the_pepper_move_to_their_own_secret(aws, run_secret):
    beside = {"RETOUCH_PEPPER": "p", "BFL_API_KEY": "bfl", "STABILITY_API_KEY": "older"}
    aws.put_secret_value(SecretId="pepper", SecretString=json.dumps(beside))
    assert run_secret("OPENAI_API_KEY", stdin=VALUE)[0] == 0
    assert stored_secret(aws, "pepper") == {"RETOUCH_PEPPER": "p"}
    assert stored_secret(aws) == {
        "BFL_API_KEY": "bfl",
        "STABILITY_API_KEY": "old",
        "OPENAI_API_KEY": VALUE,
    }


def test_stack_with_one_secret_keeps_its_pepper(aws, run_secret):
    boto3.client("cloudformation").delete_stack(StackName="retouch")
    create_stack({"SecretArn": {"Value": "pepper"}})
    assert run_secret("OPENAI_API_KEY", stdin=VALUE)[0] == 0
    assert stored_secret(aws, "pepper") == {"RETOUCH_PEPPER": "p", "OPENAI_API_KEY": VALUE}


@pytest.mark.parametrize(
    ("name", "stdin", "message"),
    [
        ("OPENAI_API_KEY", " \n", "is empty; nothing was written"),
        ("OPENAI_APIKEY", VALUE, "Did you mean OPENAI_API_KEY?"),
        ("openai_api_key", VALUE, "Did you mean OPENAI_API_KEY?"),
        ("RETOUCH_PEPPER", VALUE, "must not change"),
        ("RETOUCH_AUTH_MODE", VALUE, "reads no variable"),
        ("", VALUE, "make secret NAME=OPENAI_API_KEY"),
    ],
)
def test_invalid_name_or_value_writes_nothing(name, stdin, message, aws, run_secret):
    status, out, err = run_secret(name, stdin=stdin)
    assert (status, out) == (1, "")
    assert message in err
    assert stored_secret(aws) == {"STABILITY_API_KEY": "old"}


def test_secret_that_is_no_object_is_not_replaced(aws, run_secret):
    aws.put_secret_value(SecretId="providers", SecretString=f"not JSON: {VALUE}")
    status, _, err = run_secret("OPENAI_API_KEY", stdin="sk-other")
    assert (status, err) == (1, "The secret is not a JSON object.\n")
    assert aws.get_secret_value(SecretId="providers")["SecretString"] == f"not JSON: {VALUE}"


def test_too_large_secret_is_refused_before_it_is_written(aws, run_secret):
    status, _, err = run_secret("OPENAI_API_KEY", stdin="x" * 70_000)
    assert status == 1
    assert "larger than 65,536 bytes" in err
    assert stored_secret(aws) == {"STABILITY_API_KEY": "old"}


def test_every_key_of_a_provider_is_a_documented_variable():
    from retouch.providers import PROVIDERS

    keys = {f"{p.env_prefix}_API_KEY" for p in PROVIDERS if p.auth}
    assert keys <= secret.documented_variables()
