"""What a deployed stack says of itself, and how a tool says what went wrong: in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import boto3
from botocore.exceptions import BotoCoreError, ClientError


class Trouble(Exception):
    """The command cannot be carried out. The text is for the operator."""


def outputs(stack: str) -> Mapping[str, str]:
    """The stack's outputs by name."""
    client = boto3.client("cloudformation")
    try:
        [found] = client.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as refused:
        if refused.response["Error"]["Code"] != "ValidationError":
            raise
        region = client.meta.region_name
        raise Trouble(
            f"There is no stack '{stack}' in {region}. Deploy it, or name another: STACK=... AWS_REGION=..."
        ) from None
    return {entry["OutputKey"]: entry["OutputValue"] for entry in found.get("Outputs", [])}


def output(stack: str, name: str) -> str:
    """One output."""
    found = outputs(stack).get(name)
    if not found:
        raise Trouble(f"The stack '{stack}' has no output '{name}'; deploy it again.")
    return found


def saying(command: Callable[[], int]) -> int:
    """The command's exit status; 1 and one line where it fails for a reason that can be told."""
    try:
        return command()
    except (Trouble, BotoCoreError, ClientError) as wrong:
        print(" ".join(str(wrong).split()), file=sys.stderr)
        return 1
