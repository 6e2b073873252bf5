"""The condition under which a versioned row is written."""

from __future__ import annotations

from typing import Any


def version_condition(version: str, attribute: str = "pk") -> dict[str, Any]:
    """Return the parameters of a DynamoDB write that needs this version of the row to be stored.

    Without a version the row must not have the attribute, so by default it must not exist.
    """
    if not version:
        return {"ConditionExpression": f"attribute_not_exists({attribute})"}
    return {
        "ConditionExpression": "version = :version",
        "ExpressionAttributeValues": {":version": {"S": version}},
    }
