"""The retirement dates of models and their successors. The table is the file retirement.json in this directory.

Image models live 12 to 18 months, so dates and successors are data, not code. A retired model id keeps its contract,
because clients still use it. Its successor serves the requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import orjson


@dataclass(frozen=True, slots=True)
class Retirement:
    """One row of the table.

    The provider shuts the model down on `shutdown_date`: the day before is the model's last. `successor` is a full id
    or empty.
    """

    model_id: str
    shutdown_date: date
    successor: str
    source: str

    def is_shut_down(self, today: date) -> bool:
        """Return whether the provider has shut the model down."""
        return today >= self.shutdown_date

    def response_headers(self) -> dict[str, str]:
        """Return the Deprecation (RFC 9745) and Sunset (RFC 8594) headers for responses that used the model."""
        shutdown_time = datetime(
            self.shutdown_date.year, self.shutdown_date.month, self.shutdown_date.day, tzinfo=UTC
        )
        return {
            "Deprecation": f"@{int(shutdown_time.timestamp())}",
            "Sunset": shutdown_time.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        }


@cache
def retirements() -> Mapping[str, Retirement]:
    """Return the table, by full model id."""
    rows = orjson.loads((Path(__file__).parent / "retirement.json").read_bytes())
    return {
        row["model"]: Retirement(
            row["model"], date.fromisoformat(row["ends"]), row["successor"], row["source"]
        )
        for row in rows
    }
