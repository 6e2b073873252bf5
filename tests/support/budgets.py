"""Budget tables for tests: moto over real sockets, a folder, and one in memory."""

import threading
from contextlib import contextmanager
from dataclasses import replace

from retouch.core.errors import BudgetUnavailable
from retouch.tenants.budget_rows import (
    BudgetRow,
    add_hold,
    add_waiting,
    check_hold,
    check_waiting,
    remove_waiting,
    restore_hold,
    return_hold,
    settle_hold,
)
from retouch.tenants.budget_table import HoldResult
from tests.support.dynamodb import table_definition

BUDGETS_TABLE = "budgets"
BUDGETS_TABLE_DEFINITION = table_definition(BUDGETS_TABLE, "pk", "sk")


class RecordedNotices:
    """What the operator was told: overruns as (account, amount), and thresholds as (account, period)."""

    def __init__(self):
        self.overruns, self.thresholds = [], []

    def report_overrun(self, charge, amount):
        self.overruns.append((charge.account, amount))

    def report_threshold(self, charge, row):
        self.thresholds.append((charge.account, charge.period))


class InMemoryBudgets:
    """A table of budgets of one process."""

    def __init__(self):
        self._lock = threading.Lock()
        self.rows, self.is_down, self.calls = {}, False, 0

    def hold(self, row, name, hold, limit, waiting=None):
        with self._stored(row) as stored:
            without = remove_waiting(stored, waiting.name) if waiting else None
            before = without or stored
            outcome = check_hold(before, name, hold, limit)
            is_missing = waiting is not None and without is None and name not in stored.holds
            if outcome == "held":
                stored = self._write(row, add_hold(before, name, hold))
            return HoldResult(outcome, stored, is_missing)

    def add_waiting(self, row, new, most):
        with self._stored(row) as stored:
            outcome = check_waiting(stored, new, most)
            if outcome == "held":
                stored = self._write(row, add_waiting(stored, new))
            return HoldResult(outcome, stored)

    def remove_waiting(self, row, waiting):
        with self._stored(row) as stored:
            released = remove_waiting(stored, waiting.name)
            if released:
                self._write(row, released)
            return released is not None

    def return_hold(self, row, waiting):
        with self._stored(row) as stored:
            returned = return_hold(stored, waiting.name)
            if returned:
                self._write(row, returned)
            return returned is not None or waiting.name in stored.waiting

    def settle(self, row, name, amount, actual, at_risk):
        with self._stored(row) as stored:
            settled = settle_hold(stored, name, actual, at_risk)
            return self._write(row, settled) if settled else None

    def restore(self, row, name, hold):
        with self._stored(row) as stored:
            restored = restore_hold(stored, name, hold)
            if restored:
                self._write(row, restored)

    def read(self, row):
        with self._stored(row) as stored:
            return stored

    def mark_alerted(self, row):
        with self._stored(row) as stored:
            self._write(row, replace(stored, is_alerted=True))
            return not stored.is_alerted

    @contextmanager
    def _stored(self, row):
        with self._lock:
            self.calls += 1
            if self.is_down:
                raise BudgetUnavailable("The table is down.")
            yield self.rows.get((row.account, row.period), BudgetRow())

    def _write(self, row, changed):
        self.rows[row.account, row.period] = changed
        return changed


class RepeatingBudgets(InMemoryBudgets):
    """A table that makes each write twice, as when the response to the first one is lost."""

    def hold(self, row, name, hold, limit, waiting=None):
        super().hold(row, name, hold, limit, waiting)
        return super().hold(row, name, hold, limit, waiting)

    def add_waiting(self, row, new, most):
        super().add_waiting(row, new, most)
        return super().add_waiting(row, new, most)

    def remove_waiting(self, row, waiting):
        super().remove_waiting(row, waiting)
        return super().remove_waiting(row, waiting)

    def return_hold(self, row, waiting):
        super().return_hold(row, waiting)
        return super().return_hold(row, waiting)

    def settle(self, row, name, amount, actual, at_risk):
        super().settle(row, name, amount, actual, at_risk)
        return super().settle(row, name, amount, actual, at_risk)

    def restore(self, row, name, hold):
        super().restore(row, name, hold)
        super().restore(row, name, hold)


class InMemoryRates:
    """The windows of rate limits of one process, and the number of its writes."""

    def __init__(self):
        self._lock = threading.Lock()
        self.counts, self.writes, self.is_down = {}, 0, False

    def count(self, window, amount):
        with self._lock:
            self._check()
            self.writes += 1
            count = self.counts.get((window.account, window.name), 0)
            if count >= window.limit.value:
                return None
            self.counts[window.account, window.name] = count + amount
            return count + amount

    def add(self, window, amount):
        with self._lock:
            self._check()
            self.writes += 1
            key = window.account, window.name
            self.counts[key] = self.counts.get(key, 0) + amount

    def read(self, window):
        with self._lock:
            self._check()
            return self.counts.get((window.account, window.name), 0)

    def _check(self):
        if self.is_down:
            raise BudgetUnavailable("The table is down.")
