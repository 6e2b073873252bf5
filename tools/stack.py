"""The deployed stack: where it is, its outputs, and one-line messages for the errors of AWS."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore import exceptions as aws
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
# `make deploy` writes the first file for the first stack, and the second one for each further stack. The third one is
# what a plain `sam deploy --guided` writes.
_CONFIG_FILES = ("make/samconfig.toml", "make/samconfig-{stack}.toml", "samconfig.toml")
_CLIENT_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 2})
_INVALID_CREDENTIALS = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
_NO_CREDENTIALS: tuple[type[Exception], ...] = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.SSOError,
    aws.TokenRetrievalError,
)
_NO_CONNECTION: tuple[type[Exception], ...] = (aws.ConnectionError, aws.HTTPClientError)


class CommandError(Exception):
    """Raised when a command cannot run. The text tells the operator why."""


@dataclass(frozen=True)
class StackLocation:
    """The name of a stack, and its region and profile. Empty ones are those of the environment."""

    name: str
    region: str = ""
    profile: str = ""

    def client(self, service: str) -> Any:
        """Return a client for the account and the region of the stack. Raises CommandError without a region."""
        session = boto3.Session(region_name=self.region or None, profile_name=self.profile or None)
        if not session.region_name:
            raise CommandError(
                f"The region of the stack '{self.name}' is unknown: set REGION=..., or AWS_REGION in the environment."
            )
        create_client: Any = session.client  # typed for literal names of services only
        return create_client(service, config=_CLIENT_CONFIG)


def locate_stack(name: str, region: str = "", root: Path = ROOT) -> StackLocation:
    """Return where the stack is.

    A region that the operator names counts most. The region and the profile of the deployment follow, and then those
    of the environment. Raises CommandError for a file of `make deploy` that is not TOML.
    """
    saved = _saved_parameters(name, root)
    return StackLocation(name, region or saved.get("region", ""), saved.get("profile", ""))


def _saved_parameters(name: str, root: Path) -> Mapping[str, str]:
    """Return the parameters that the SAM command line saved for this stack."""
    for pattern in _CONFIG_FILES:
        path = root / pattern.format(stack=name)
        if path.is_file():
            environment = _read_toml(path).get("default", {})
            parameters = {
                key: value
                for command in ("global", "deploy")
                for key, value in environment.get(command, {}).get("parameters", {}).items()
            }
            if parameters.get("stack_name") == name:
                return parameters
    return {}


def _read_toml(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except ValueError as error:
        raise CommandError(f"{path} is not valid TOML: {error}") from None


def stack_outputs(stack: StackLocation) -> Mapping[str, str]:
    """Return the outputs of the stack by name. Raises CommandError when the stack does not exist."""
    client = stack.client("cloudformation")
    try:
        [description] = client.describe_stacks(StackName=stack.name)["Stacks"]
    except aws.ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        region = client.meta.region_name
        raise CommandError(
            f"There is no stack '{stack.name}' in {region}. Deploy it, or name another: STACK=... REGION=..."
        ) from None
    return {entry["OutputKey"]: entry["OutputValue"] for entry in description.get("Outputs", [])}


def stack_output(stack: StackLocation, *names: str) -> str:
    """Return the first of the outputs that the stack has. Raises CommandError when it has none of them."""
    outputs = stack_outputs(stack)
    for name in names:
        if outputs.get(name):
            return outputs[name]
    raise CommandError(f"The stack '{stack.name}' has no output '{names[0]}'; deploy it again.")


def run_command(command: Callable[[], int]) -> int:
    """Run the command and return its exit status. Print one line and return 1 for an expected error."""
    try:
        return command()
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except (CommandError, aws.BotoCoreError, aws.ClientError) as error:
        print(" ".join(error_sentence(error).split()), file=sys.stderr)
        return 1


def error_sentence(error: Exception) -> str:
    """Return what the operator can do about an error of AWS, or the text of any other error."""
    if isinstance(error, aws.ClientError):
        return _response_sentence(error.response["Error"].get("Code", ""), error)
    if isinstance(error, _NO_CREDENTIALS):
        return f"There are no usable AWS credentials: log in, or set AWS_PROFILE. ({error})"
    if isinstance(error, _NO_CONNECTION):
        return f"AWS cannot be reached: check the network and the region. ({error})"
    return str(error)


def _response_sentence(code: str, error: aws.ClientError) -> str:
    if code in _INVALID_CREDENTIALS:
        return f"AWS does not accept the credentials: log in again, or set AWS_PROFILE. ({error})"
    if code.startswith("AccessDenied"):
        return f"The AWS credentials lack a permission; docs/keys.md lists them. ({error})"
    if code.startswith("ResourceNotFound"):
        return f"A table or secret of the stack does not exist: deploy the stack again. ({error})"
    return str(error)
