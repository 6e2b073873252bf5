"""The retirement dates of models and their successors. The table is the file retirement.json in this directory.

Image models live 12 to 18 months, so dates and successors are data, not code. A retired model id keeps its contract,
because clients still use it. Its successor serves the requests. A model that its provider has deprecated without a
shutdown date serves itself, and so does a model whose date is past but not confirmed. When the provider says that such
a model is gone, its successor serves that request.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import orjson

from retouch.core.frozen_dataclass import frozen_dataclass


@frozen_dataclass
class Retirement:
    """One row of the table.

    The provider shuts the model down on `shutdown_date`: the day before is the model's last. None: the provider has
    deprecated the model and announced no date. `deprecation_date` is None when it is unknown. `successor` is a full id
    or empty. `is_confirmed` is True if the provider's own page or SDK states the row.
    """

    model_id: str
    shutdown_date: date | None
    successor: str
    source: str
    deprecation_date: date | None = None
    checked: date = date.min  # the day on which the source was last read
    is_confirmed: bool = False

    def is_shut_down(self, today: date) -> bool:
        """Return whether the provider has surely shut the model down."""
        return self.is_confirmed and self._is_past(today)

    def may_be_shut_down(self, today: date) -> bool:
        """Return whether only the provider knows: the date is past but not confirmed, or it was never announced."""
        return self._is_past(today) if not self.is_confirmed else self.shutdown_date is None

    def _is_past(self, today: date) -> bool:
        return self.shutdown_date is not None and today >= self.shutdown_date

    def response_headers(self) -> dict[str, str]:
        """Return the Deprecation (RFC 9745) and Sunset (RFC 8594) headers for responses that used the model."""
        headers = {}
        if deprecation_date := self.deprecation_date or self.shutdown_date:
            headers["Deprecation"] = f"@{int(_start_of_day(deprecation_date).timestamp())}"
        if self.shutdown_date:
            shutdown_time = _start_of_day(self.shutdown_date)
            headers["Sunset"] = shutdown_time.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return headers

    def shutdown_text(self) -> str:
        """Return the shutdown date as text, or "deprecated" without one."""
        return str(self.shutdown_date or "deprecated")


def _start_of_day(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@cache
def retirements() -> Mapping[str, Retirement]:
    """Return the table, by full model id."""
    with open(f"{__file__.rpartition('/')[0]}/retirement.json", "rb") as file:
        rows = orjson.loads(file.read())
    return {row["model"]: _read_row(row) for row in rows}


def _read_row(row: Mapping[str, Any]) -> Retirement:
    return Retirement(
        row["model"],
        date.fromisoformat(row["ends"]) if row["ends"] else None,
        row["successor"],
        row["source"],
        deprecation_date=date.fromisoformat(row["deprecated"]) if row.get("deprecated") else None,
        checked=date.fromisoformat(row["checked"]),
        is_confirmed=row["sure"],
    )
