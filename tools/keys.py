"""Gateway keys: make one, revoke one, list them.

    python -m tools.keys new build-server
    python -m tools.keys revoke build-server
    python -m tools.keys list

A key is shown once. What is stored opens nothing: its HMAC under a pepper that lies in the stack's secret. The
table also holds an item "name/<name>" for each living key, so that two of them never share a name.
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import ClientError

from retouch.admission import digest
from retouch.wire.caller import GATEWAY_PREFIX
from tools.stack import Trouble, outputs, saying

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_RESERVED = "name/"
_PEPPER = "RETOUCH_PEPPER"
Item = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Keys:
    """The table of keys, and the secret with the pepper."""

    table: str
    secret: str

    def new(self, name: str) -> str:
        """A fresh key, stored as its digest. Trouble when a living key has that name."""
        key = GATEWAY_PREFIX + secrets.token_urlsafe(32)
        identity = digest(key, self._pepper())
        item = {"id": identity, "name": checked(name), "created": now()}
        taken = self._write(self._put(item), self._put({"id": _RESERVED + name, "key": identity}))
        if taken:
            raise Trouble(
                f"There is a key '{name}' already. Revoke it first or choose another name."
            )
        return key

    def revoke(self, name: str) -> None:
        """Close the door to the key with that name. Trouble when there is none."""
        reserved = self._client.get_item(
            TableName=self.table, Key=_key(_RESERVED + checked(name)), ConsistentRead=True
        ).get("Item")
        if not reserved:
            raise Trouble(f"There is no living key '{name}'. `make keys` lists them all.")
        identity = reserved["key"]["S"]
        # Only while the name still stands for that very key: somebody else may be at it too.
        free = {
            "TableName": self.table,
            "Key": _key(_RESERVED + name),
            "ConditionExpression": "#k = :k",
            "ExpressionAttributeNames": {"#k": "key"},
            "ExpressionAttributeValues": {":k": {"S": identity}},
        }
        if self._write({"Update": self._mark(identity)}, {"Delete": free}):
            raise Trouble(f"The key '{name}' changed meanwhile. Try again.")

    def all(self) -> list[dict[str, str]]:
        """Every key there ever was, oldest first, without what it is stored under."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self.table, ConsistentRead=True
        )
        items = [item for page in pages for item in page["Items"]]
        keys = [_plain(item) for item in items if not item["id"]["S"].startswith(_RESERVED)]
        return sorted(keys, key=lambda key: (key["created"], key["name"]))

    @cached_property
    def _client(self) -> Any:
        return boto3.client("dynamodb")

    def _pepper(self) -> str:
        text = boto3.client("secretsmanager").get_secret_value(SecretId=self.secret)["SecretString"]
        try:
            found = json.loads(text).get(_PEPPER)
        except (ValueError, AttributeError):
            raise Trouble("The secret is not a JSON object.") from None
        if not found:
            raise Trouble(f"The secret has no {_PEPPER}; put a long random text there.")
        return str(found)

    def _put(self, item: Mapping[str, str]) -> dict[str, Any]:
        return {
            "Put": {
                "TableName": self.table,
                "Item": {name: {"S": value} for name, value in item.items()},
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }

    def _mark(self, identity: str) -> dict[str, Any]:
        return {
            "TableName": self.table,
            "Key": _key(identity),
            "UpdateExpression": "SET revoked = :now",
            "ConditionExpression": "attribute_exists(id)",
            "ExpressionAttributeValues": {":now": {"S": now()}},
        }

    def _write(self, *steps: Mapping[str, Any]) -> bool:
        """All steps or none; whether a condition stood in the way."""
        try:
            self._client.transact_write_items(TransactItems=list(steps))
        except ClientError as refused:
            if refused.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            return True
        return False


def _key(identity: str) -> Item:
    return {"id": {"S": identity}}


def _plain(item: Item) -> dict[str, str]:
    return {name: value["S"] for name, value in item.items() if name != "id"}


def checked(name: str) -> str:
    """The name, if it is one."""
    if not _NAME.fullmatch(name):
        raise Trouble("A key needs a name of letters, digits, '.', '_' and '-': NAME=build-server")
    return name


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def table(keys: Sequence[Mapping[str, str]]) -> str:
    """The list as it is printed."""
    if not keys:
        return "There are no keys yet: make key NAME=build-server"
    width = max(len("name"), *(len(key["name"]) for key in keys))
    head = {"name": "name", "created": "created", "revoked": "revoked"}
    lines = (
        f"{key['name']:{width}}  {key['created']:25}  {key.get('revoked', '-')}"
        for key in (head, *keys)
    )
    return "\n".join(lines)


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="keys", description="Gateway keys")
    parser.add_argument("--stack", default="retouch", help="whose keys; %(default)s")
    parser.add_argument("--table", help="the DynamoDB table, instead of the stack's")
    parser.add_argument("--secret", help="the secret with the pepper, instead of the stack's")
    actions = parser.add_subparsers(dest="action", required=True)
    for action in ("new", "revoke"):
        actions.add_parser(action).add_argument("name")
    actions.add_parser("list")
    return parser.parse_args(arguments)


def _found(asked: argparse.Namespace) -> Keys:
    of_stack = {} if asked.table and asked.secret else outputs(asked.stack)
    names = (
        asked.table or of_stack.get("KeysTable", ""),
        asked.secret or of_stack.get("SecretArn", ""),
    )
    if not all(names):
        raise Trouble(f"The stack '{asked.stack}' has no table of keys; deploy it again.")
    return Keys(*names)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    asked = _asked(arguments)
    return saying(lambda: _act(asked))


def _act(asked: argparse.Namespace) -> int:
    if asked.action != "list":
        checked(asked.name)
    keys = _found(asked)
    if asked.action == "new":
        print(keys.new(asked.name))
        print("Shown only now. Send it as 'Authorization: Bearer rt_...', or as an SDK's api_key.")
    elif asked.action == "revoke":
        keys.revoke(asked.name)
        print(f"Revoked '{asked.name}'. The gateway forgets it within a minute.")
    else:
        print(table(keys.all()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
