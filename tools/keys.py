"""Create, revoke and list gateway keys.

    python -m tools.keys new build-server
    python -m tools.keys revoke build-server
    python -m tools.keys new --workspace acme shop
    python -m tools.keys new --admin operator
    python -m tools.keys list

A key is printed only once. The table stores its HMAC, computed with a pepper from the stack's secret, so a stored
value cannot be used as a key. The table also holds an item "name/<name>" for each active key. This item keeps two
active keys from sharing a name.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from retouch.core.credentials.gateway_keys import new_gateway_key
from retouch.gateway.authentication import key_digest
from retouch.tenants.keys import DEFAULT_WORKSPACE
from retouch.tenants.table import TenantsUnavailable, TenantTable
from tools.secret import PEPPER_VARIABLE, SecretObject
from tools.stack import CommandError, StackLocation, locate_stack, run_command, stack_outputs
from tools.tenant_keys import (
    create_admin_key,
    create_workspace_key,
    list_tenant_keys,
    open_tenant_table,
    revoke_by_name,
    taken_name_error,
)

_NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_RESERVATION_PREFIX = "name/"
Item = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class KeyStore:
    """The DynamoDB table of keys and the secret that holds the pepper."""

    table: str
    secret: str
    stack: StackLocation = field(default_factory=lambda: StackLocation("retouch"))
    tenants_table: str = ""

    def create(self, name: str) -> str:
        """Create a key, store its digest and return the key. Raises CommandError when an active key has the name."""
        key = new_gateway_key()
        key_id = key_digest(key, self.read_pepper())
        item = {"id": key_id, "name": validate_name(name), "created": current_time()}
        is_taken = self._write_transaction(
            self._put_request(item),
            self._put_request({"id": _RESERVATION_PREFIX + name, "key": key_id}),
        )
        if is_taken:
            raise taken_name_error(name)
        return key

    def revoke(self, name: str) -> None:
        """Revoke the active key with that name. Raises CommandError when there is none."""
        reservation = self._client.get_item(
            TableName=self.table,
            Key=_item_key(_RESERVATION_PREFIX + validate_name(name)),
            ConsistentRead=True,
        ).get("Item")
        if not reservation and self.tenants_table and revoke_by_name(self.tenants, name):
            return
        if not reservation:
            raise CommandError(f"There is no active key '{name}'. `make keys` lists all keys.")
        key_id = reservation["key"]["S"]
        # The condition fails when another operator has reassigned the name since the read.
        delete_reservation = {
            "TableName": self.table,
            "Key": _item_key(_RESERVATION_PREFIX + name),
            "ConditionExpression": "#k = :k",
            "ExpressionAttributeNames": {"#k": "key"},
            "ExpressionAttributeValues": {":k": {"S": key_id}},
        }
        if self._write_transaction(
            {"Update": self._revocation_request(key_id)}, {"Delete": delete_reservation}
        ):
            raise CommandError(f"The key '{name}' changed in the meantime. Try again.")

    def reject_taken_name(self, name: str) -> None:
        """Raise CommandError when an active key of an earlier version has the name."""
        reservation = _item_key(_RESERVATION_PREFIX + validate_name(name))
        response = self._client.get_item(TableName=self.table, Key=reservation, ConsistentRead=True)
        if "Item" in response:
            raise taken_name_error(name)

    def list_keys(self) -> list[dict[str, str]]:
        """Return every key, active or revoked, oldest first, without its id."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self.table, ConsistentRead=True
        )
        items = [item for page in pages for item in page["Items"]]
        keys = [
            _key_record(item)
            for item in items
            if not item["id"]["S"].startswith(_RESERVATION_PREFIX)
        ]
        keys += list_tenant_keys(self.tenants) if self.tenants_table else []
        return sorted(keys, key=lambda key: (key["created"], key["name"]))

    @property
    def tenants(self) -> TenantTable:
        """The table of workspaces and their keys. Raises CommandError when the stack has none."""
        return open_tenant_table(self.tenants_table, self.stack)

    @cached_property
    def _client(self) -> Any:
        return self.stack.client("dynamodb")

    def read_pepper(self) -> str:
        """Return the pepper. Raises CommandError when the secret has none."""
        secret = SecretObject(self.stack.client("secretsmanager"), self.secret)
        pepper = secret.read().get(PEPPER_VARIABLE)
        if not pepper:
            raise CommandError(
                f"The secret has no {PEPPER_VARIABLE}; add one with a long random text."
            )
        return str(pepper)

    def _put_request(self, item: Mapping[str, str]) -> dict[str, Any]:
        return {
            "Put": {
                "TableName": self.table,
                "Item": {name: {"S": value} for name, value in item.items()},
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }

    def _revocation_request(self, key_id: str) -> dict[str, Any]:
        return {
            "TableName": self.table,
            "Key": _item_key(key_id),
            "UpdateExpression": "SET revoked = :now",
            "ConditionExpression": "attribute_exists(id)",
            "ExpressionAttributeValues": {":now": {"S": current_time()}},
        }

    def _write_transaction(self, *requests: Mapping[str, Any]) -> bool:
        """Write all requests in one transaction. Return True when a condition failed and nothing was written."""
        try:
            self._client.transact_write_items(TransactItems=list(requests))
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            return True
        return False


def _item_key(key_id: str) -> Item:
    return {"id": {"S": key_id}}


def _key_record(item: Item) -> dict[str, str]:
    return {name: value["S"] for name, value in item.items() if name != "id"}


def validate_name(name: str) -> str:
    """Return the name. Raises CommandError when it is not a valid key name."""
    if not _NAME_PATTERN.fullmatch(name):
        raise CommandError(
            "A key needs a name of letters, digits, '.', '_' and '-': NAME=build-server"
        )
    return name


def current_time() -> str:
    """Return the current time in UTC as ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def format_table(keys: Sequence[Mapping[str, str]]) -> str:
    """Return the keys as a text table, or a hint when there are none."""
    if not keys:
        return "There are no keys yet: make key NAME=build-server"
    width = max(len("name"), *(len(key["name"]) for key in keys))
    has_workspaces = any("workspace" in key for key in keys)
    header = {"name": "name", "created": "created", "revoked": "revoked"}
    header |= {"workspace": "workspace", "id": "id"} if has_workspaces else {}
    lines = (
        f"{key['name']:{width}}  {key['created']:25}  {key.get('revoked', '-')}"
        + (f"  {key.get('workspace', '-'):18}  {key.get('id', '-')}" if has_workspaces else "")
        for key in (header, *keys)
    )
    return "\n".join(lines)


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="keys", description="Gateway keys")
    parser.add_argument("--stack", default="retouch", help="the stack of the keys; %(default)s")
    parser.add_argument("--region", default="", help="the region, instead of the deployment's")
    parser.add_argument("--table", help="the DynamoDB table, instead of the stack's")
    parser.add_argument("--secret", help="the secret with the pepper, instead of the stack's")
    actions = parser.add_subparsers(dest="action", required=True)
    parser.add_argument("--tenants-table", help="the table of workspaces, instead of the stack's")
    for action in ("new", "revoke"):
        actions.add_parser(action).add_argument("name")
    new = actions.choices["new"]
    new.add_argument("--workspace", default="", help="the slug of the key's workspace")
    new.add_argument("--admin", action="store_true", help="a key with all scopes")
    actions.add_parser("list")
    return parser.parse_args(arguments)


def _open_key_store(options: argparse.Namespace) -> KeyStore:
    stack = locate_stack(options.stack, options.region)
    resources = {} if options.table and options.secret else stack_outputs(stack)
    # Until version 0.2, one secret had the pepper and the provider keys.
    pepper_secret = resources.get("PepperSecretArn") or resources.get("SecretArn", "")
    table, secret = options.table or resources.get("KeysTable", ""), options.secret or pepper_secret
    if not (table and secret):
        raise CommandError(f"The stack '{options.stack}' has no table of keys; deploy it again.")
    tenants_table = options.tenants_table or resources.get("TenantsTable", "")
    return KeyStore(table, secret, stack, tenants_table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parse_arguments(arguments)
    return run_command(lambda: _run_with_tenants(options))


def _run_with_tenants(options: argparse.Namespace) -> int:
    try:
        return _run_action(options)
    except TenantsUnavailable as error:  # the cause says what the operator can do
        raise (error.__cause__ or error) from None


def _create_key(keys: KeyStore, options: argparse.Namespace) -> str:
    if options.admin:
        return create_admin_key(keys.tenants, options.name, keys.read_pepper())
    if options.workspace or keys.tenants_table:
        keys.reject_taken_name(options.name)
        slug = options.workspace or DEFAULT_WORKSPACE.slug
        return create_workspace_key(keys.tenants, options.name, slug, keys.read_pepper())
    return keys.create(options.name)  # a stack that was deployed before there were workspaces


def _run_action(options: argparse.Namespace) -> int:
    if options.action != "list":
        validate_name(options.name)
    keys = _open_key_store(options)
    if options.action == "new":
        print(_create_key(keys, options))
        print(
            "Printed only once. Send it as 'Authorization: Bearer rt_...' or as an SDK's api_key."
        )
    elif options.action == "revoke":
        keys.revoke(options.name)
        print(f"Revoked '{options.name}'. The gateway rejects it within a minute.")
    else:
        print(format_table(keys.list_keys()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
