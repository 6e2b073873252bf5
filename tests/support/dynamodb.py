"""The definitions of DynamoDB tables for tests, as the template has them."""

from typing import Any


def table_definition(name: str, *keys: str, **indexes: str) -> dict[str, Any]:
    """Return the parameters that create a table.

    A key is the name of an attribute of the key, with its type if it is not text: `"ds:N"`. The first is the partition,
    the second the sort key. `indexes` gives the keys of each index, joined by commas. An index has the keys only.
    """
    indexed = {name.replace("_", "-"): text.split(",") for name, text in indexes.items()}
    attributes = dict.fromkeys([*keys, *(key for index in indexed.values() for key in index)])
    definition: dict[str, Any] = {
        "TableName": name,
        "KeySchema": _key_schema(keys),
        "AttributeDefinitions": [_attribute(key) for key in attributes],
        "BillingMode": "PAY_PER_REQUEST",
    }
    if indexed:
        definition["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index,
                "KeySchema": _key_schema(index_keys),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
            for index, index_keys in indexed.items()
        ]
    return definition


def _key_schema(keys: Any) -> list[dict[str, str]]:
    types = ("HASH", "RANGE")
    return [
        {"AttributeName": _attribute(key)["AttributeName"], "KeyType": kind}
        for key, kind in zip(keys, types, strict=False)
    ]


def _attribute(key: str) -> dict[str, str]:
    name, _, kind = key.partition(":")
    return {"AttributeName": name, "AttributeType": kind or "S"}
