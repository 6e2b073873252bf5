"""An order as a flat record of texts and whole numbers, as every table stores it. Empty values are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import orjson
import pybase64

from retouch.orders.charges import Charge, Charges
from retouch.orders.order import Fingerprint, Order, Submission

Record = Mapping[str, str | int]
_PLAIN_FIELDS = tuple(
    field.name
    for field in fields(Order)
    if field.name not in ("fingerprint", "submissions", "metadata", "charges")
)


def to_record(order: Order) -> Record:
    """Return the order as a record."""
    plain: dict[str, str | int] = {name: getattr(order, name) for name in _PLAIN_FIELDS}
    record = {
        **plain,
        "fingerprint": order.fingerprint.digest,
        "fields": orjson.dumps(dict(order.fingerprint.fields)).decode(),
        "submissions": _submissions_text(order.submissions),
        "metadata": orjson.dumps(dict(order.metadata)).decode() if order.metadata else "",
        "charges": _charges_text(order.charges),
    }
    return {name: value for name, value in record.items() if value not in ("", 0)}


def from_record(record: Mapping[str, Any]) -> Order:
    """Return the order in a record. Raises KeyError or ValueError for a record of another form."""
    plain = {name: record[name] for name in _PLAIN_FIELDS if name in record}
    return Order(
        **{"scope": "", "holder": "", "lease": 0, **plain},
        fingerprint=Fingerprint(record.get("fingerprint", ""), orjson.loads(record["fields"])),
        submissions=_read_submissions(record.get("submissions", "")),
        metadata=orjson.loads(record.get("metadata", "{}")),
        charges=tuple(Charge(**one) for one in orjson.loads(record.get("charges", "[]"))),
    )


def _charges_text(charges: Charges) -> str:
    return orjson.dumps([asdict(one) for one in charges]).decode() if charges else ""


def _submissions_text(submissions: tuple[Submission, ...]) -> str:
    items = [
        [one.target, one.job, one.status, dict(one.headers), pybase64.b64encode_as_string(one.body)]
        for one in submissions
    ]
    return orjson.dumps(items).decode() if items else ""


def _read_submissions(text: str) -> tuple[Submission, ...]:
    items = orjson.loads(text) if text else []
    return tuple(
        Submission(target, job, status, headers, pybase64.b64decode(body))
        for target, job, status, headers, body in items
    )
