"""Budgets in one DynamoDB table. Each change of a row is one conditional update; there are no transactions.

A row has the account under `pk` and the period under `sk`. Its holds are a map in the row, so one condition checks the
amount, the number of holds and the repetition of a write. DynamoDB removes rows some time after `expires`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retouch.core.errors import BudgetUnavailable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.dynamodb_table import DynamoDBTable
from retouch.tenants.budget_rows import (
    MAX_WAITING,
    BudgetRow,
    RowHold,
    RowLimit,
    WaitingAmount,
    check_hold,
    check_waiting,
    remove_waiting,
)
from retouch.tenants.budget_table import HoldResult, RowName

# An edit waits for these calls. A repeated write is recognized by the name of its hold.
_CLIENT_CONFIG = ClientConfig(connect_timeout=1, read_timeout=2, max_attempts=4, max_connections=50)
_RETRY_AFTER_SECONDS = 2
_MAX_RACES = 20
_ANY_AMOUNT = 10**15  # one billion dollars
_HOLD = (
    "SET holds.#o = :hold, taken = taken + :amount",
    "attribute_not_exists(holds.#o) AND taken <= :room AND size(holds) < :most",
)
_TAKE_OVER = (
    "SET holds.#o = :hold, taken = taken + :amount REMOVE waiting.#w",
    "attribute_not_exists(holds.#o) AND attribute_exists(waiting.#w) AND taken <= :room AND size(holds) < :most",
)
_ADD_WAITING = (
    "SET waiting.#o = :amount, taken = taken + :amount",
    "attribute_exists(waiting) AND attribute_not_exists(waiting.#o) AND taken <= :room AND size(waiting) < :most",
)
_REMOVE_WAITING = ("SET taken = taken - :amount REMOVE waiting.#o", "attribute_exists(waiting.#o)")
_RETURN = (
    "SET waiting.#o = :amount REMOVE holds.#o",
    "attribute_exists(waiting) AND attribute_exists(holds.#o)",
)
# A row of an earlier version has no map of waiting amounts.
_ADD_MAP = ("SET waiting = :empty", "attribute_exists(pk) AND attribute_not_exists(waiting)")
_SETTLE = (
    "SET taken = taken + :change, spent = spent + :actual, at_risk = at_risk + :risk REMOVE holds.#o",
    "attribute_exists(holds.#o)",
)
_SETTLE_AT_RISK = (_SETTLE[0].replace(" REMOVE", ", last_at_risk = :name REMOVE"), _SETTLE[1])
_RESTORE = (
    "SET holds.#o = :hold, spent = spent - :amount, at_risk = at_risk - :amount, last_restored = :name",
    "attribute_exists(pk) AND attribute_not_exists(holds.#o) AND (attribute_not_exists(last_restored) "
    "OR last_restored <> :name)",
)
_MARK_ALERTED = (
    "SET is_alerted = :yes",
    "attribute_exists(pk) AND attribute_not_exists(is_alerted)",
)


class BudgetDynamoTable:
    """The budgets of all functions that use the table."""

    def __init__(self, table: str, aws: AwsClients) -> None:
        self._table = DynamoDBTable(table, aws, _CLIENT_CONFIG, _unavailable_error)

    def hold(
        self,
        row: RowName,
        name: str,
        hold: RowHold,
        limit: RowLimit,
        waiting: WaitingAmount | None = None,
    ) -> HoldResult:
        """Hold an amount if there is room. It takes over the room of the waiting amount, if that is there."""
        return self._table.run(lambda: self._hold(row, name, hold, limit, waiting))

    def add_waiting(self, row: RowName, new: WaitingAmount, most: int) -> HoldResult:
        """Add the amount of a waiting job, if not more than `most` is taken then."""
        return self._table.run(lambda: self._add_waiting(row, new, most))

    def remove_waiting(self, row: RowName, waiting: WaitingAmount) -> bool:
        """Remove a waiting amount. Return False when it is not there."""
        values = {":amount": _number(waiting.amount)}
        changed, _ = self._table.run(
            lambda: self._update(row, _REMOVE_WAITING, values, waiting.name)
        )
        return changed is not None

    def return_hold(self, row: RowName, waiting: WaitingAmount) -> bool:
        """Turn the hold of that name into the waiting amount. Return False when there is neither."""
        return self._table.run(lambda: self._return_hold(row, waiting))

    def settle(
        self, row: RowName, name: str, amount: int, actual: int, at_risk: int
    ) -> BudgetRow | None:
        """Turn a hold of `amount` into `actual`. Return the row, or None when the hold was settled before."""
        values = {
            ":change": _number(actual - amount),
            ":actual": _number(actual),
            ":risk": _number(at_risk),
            **({":name": {"S": name}} if at_risk else {}),
        }
        statement = _SETTLE_AT_RISK if at_risk else _SETTLE
        new, old = self._table.run(lambda: self._update(row, statement, values, name))
        if new is None and at_risk and old is not None and old.last_at_risk == name:
            return old
        return new

    def restore(self, row: RowName, name: str, hold: RowHold) -> None:
        """Turn an amount that was settled at risk back into a hold. Does nothing when it is there, or was restored."""
        values = {
            ":hold": _hold_value(hold),
            ":amount": _number(hold.amount),
            ":name": {"S": name},
        }
        self._table.run(lambda: self._update(row, _RESTORE, values, name))

    def read(self, row: RowName) -> BudgetRow:
        """Return the row as it was last written. A row that does not exist is empty."""
        return self._table.run(lambda: self._read(row))

    def mark_alerted(self, row: RowName) -> bool:
        """Store that the threshold of the row was reported. Return False when it had been reported before."""
        values = {":yes": {"BOOL": True}}
        return self._table.run(lambda: self._update(row, _MARK_ALERTED, values))[0] is not None

    def _hold(
        self,
        row: RowName,
        name: str,
        hold: RowHold,
        limit: RowLimit,
        waiting: WaitingAmount | None,
    ) -> HoldResult:
        most = _ANY_AMOUNT if limit.amount is None else limit.amount
        is_missing = False
        for _ in range(_MAX_RACES):
            amount = hold.amount - (waiting.amount if waiting else 0)
            values = {
                ":hold": _hold_value(hold),
                ":amount": _number(amount),
                ":room": _number(most - amount),
                ":most": _number(limit.holds),
            }
            statement, other = (_TAKE_OVER, waiting.name) if waiting else (_HOLD, "")
            new, old = self._update(row, statement, values, name, other)
            if new is not None:
                return HoldResult("held", new, is_missing)
            old = old or self._read_new(row)
            if name in old.holds:  # an earlier write, whose response was lost
                return HoldResult("held", old)
            before = remove_waiting(old, waiting.name) if waiting else None
            outcome = check_hold(before or old, name, hold, limit)
            if outcome != "held":
                return HoldResult(outcome, old)
            is_missing = is_missing or (waiting is not None and before is None)
            waiting = waiting if before else None
        raise _race_error()

    def _add_waiting(self, row: RowName, new: WaitingAmount, most: int) -> HoldResult:
        values = {
            ":amount": _number(new.amount),
            ":room": _number(most - new.amount),
            ":most": _number(MAX_WAITING),
        }
        for _ in range(_MAX_RACES):
            changed, old = self._update(row, _ADD_WAITING, values, new.name)
            if changed is not None:
                return HoldResult("held", changed)
            old = old or self._read_new(row)
            outcome = check_waiting(old, new, most)
            if outcome != "held" or new.name in old.waiting:
                return HoldResult(outcome, old)
            self._update(row, _ADD_MAP, {":empty": {"M": {}}})
        raise _race_error()

    def _return_hold(self, row: RowName, waiting: WaitingAmount) -> bool:
        values = {":amount": _number(waiting.amount)}
        for _ in range(_MAX_RACES):
            changed, old = self._update(row, _RETURN, values, waiting.name)
            if changed is not None:
                return True
            old = old or self._read(row)
            if waiting.name not in old.holds:
                return waiting.name in old.waiting
            self._update(row, _ADD_MAP, {":empty": {"M": {}}})
        raise _race_error()

    def _read_new(self, row: RowName) -> BudgetRow:
        """Return a row that was not there, or that a race left out."""
        self._create(row)
        return self._read(row)

    def _create(self, row: RowName) -> None:
        item = {
            **_row_key(row),
            **{name: _number(0) for name in ("taken", "spent", "at_risk")},
            "holds": {"M": {}},
            "waiting": {"M": {}},
            **({"expires": _number(row.expires)} if row.expires else {}),
        }
        try:
            self._table.client.put_item(
                TableName=self._table.name,
                Item=item,
                ConditionExpression="attribute_not_exists(pk)",
            )
        except self._table.client.exceptions.ConditionalCheckFailedException:
            return  # another request has created it

    def _read(self, row: RowName) -> BudgetRow:
        return _row_of_item(self._table.read_item(_row_key(row))) or BudgetRow()

    def _update(
        self,
        row: RowName,
        statement: tuple[str, str],
        values: Mapping[str, Any],
        name: str = "",
        waiting: str = "",
    ) -> tuple[BudgetRow | None, BudgetRow | None]:
        """Return the row after the update and None, or None and the row that did not meet the condition."""
        expression, condition = statement
        placeholders = {key: value for key, value in (("#o", name), ("#w", waiting)) if value}
        names: Any = {"ExpressionAttributeNames": placeholders} if placeholders else {}
        try:
            response = self._table.client.update_item(
                TableName=self._table.name,
                Key=_row_key(row),
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeValues=dict(values),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **names,
            )
        except self._table.client.exceptions.ConditionalCheckFailedException as error:
            old: Any = error.response.get("Item")
            return None, _row_of_item(old)
        return _row_of_item(response["Attributes"]), None


def _row_key(row: RowName) -> dict[str, Any]:
    return {"pk": {"S": f"B#{row.account}"}, "sk": {"S": f"P#{row.period}"}}


def _race_error() -> TimeoutError:
    return TimeoutError("other requests always changed the budget first")


def _number(value: int) -> dict[str, Any]:
    return {"N": str(value)}


def _hold_value(hold: RowHold) -> dict[str, Any]:
    return {"M": {"c": _number(hold.amount), "t": _number(hold.lease)}}


def _row_of_item(item: Mapping[str, Any] | None) -> BudgetRow | None:
    if not item:
        return None
    taken, spent, at_risk = (int(item[name]["N"]) for name in ("taken", "spent", "at_risk"))
    holds = {
        name: RowHold(int(value["M"]["c"]["N"]), int(value["M"]["t"]["N"]))
        for name, value in item["holds"]["M"].items()
    }
    stored = item.get("waiting", {}).get("M", {})
    waiting = {name: int(value["N"]) for name, value in stored.items()}
    last, restored = (item.get(name, {}).get("S", "") for name in ("last_at_risk", "last_restored"))
    return BudgetRow(taken, spent, at_risk, holds, last, restored, "is_alerted" in item, waiting)


def _unavailable_error() -> BudgetUnavailable:
    return BudgetUnavailable(
        "The table of budgets cannot be used, so nothing was bought. Send the request again.",
        retry_after=_RETRY_AFTER_SECONDS,
    )
