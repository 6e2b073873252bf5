"""Outputs of a deployed stack, and one-line error messages for the command line tools."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import boto3
from botocore.exceptions import BotoCoreError, ClientError


class CommandError(Exception):
    """Raised when a command cannot run. The text tells the operator why."""


def stack_outputs(stack: str) -> Mapping[str, str]:
    """Return the outputs of the stack by name. Raises CommandError when the stack does not exist."""
    client = boto3.client("cloudformation")
    try:
        [description] = client.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        region = client.meta.region_name
        raise CommandError(
            f"There is no stack '{stack}' in {region}. Deploy it, or name another: STACK=... AWS_REGION=..."
        ) from None
    return {entry["OutputKey"]: entry["OutputValue"] for entry in description.get("Outputs", [])}


def stack_output(stack: str, name: str) -> str:
    """Return one output of the stack. Raises CommandError when the stack does not have it."""
    value = stack_outputs(stack).get(name)
    if not value:
        raise CommandError(f"The stack '{stack}' has no output '{name}'; deploy it again.")
    return value


def run_command(command: Callable[[], int]) -> int:
    """Run the command and return its exit status. Print one line and return 1 for an expected error."""
    try:
        return command()
    except (CommandError, BotoCoreError, ClientError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
