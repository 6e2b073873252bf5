"""When models end and who serves them afterwards. The table is data: lifecycle.json beside this file.

Image models live 12 to 18 months, so dates and successors are never in code. A retired id keeps the
contract on its card (clients still speak it) and is served by its successor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import orjson


@dataclass(frozen=True, slots=True)
class Ending:
    """One row: the last day is the day before `ends`; `successor` is a full id or empty."""

    model: str
    ends: date
    successor: str
    source: str

    def over(self, today: date) -> bool:
        """Whether the provider has shut the model down."""
        return today >= self.ends

    def headers(self) -> dict[str, str]:
        """Deprecation (RFC 9745) and Sunset (RFC 8594) for answers that used the model."""
        moment = datetime(self.ends.year, self.ends.month, self.ends.day, tzinfo=UTC)
        return {
            "Deprecation": f"@{int(moment.timestamp())}",
            "Sunset": moment.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        }


@cache
def endings() -> Mapping[str, Ending]:
    """The table, by full model id."""
    rows = orjson.loads((Path(__file__).parent / "lifecycle.json").read_bytes())
    return {
        row["model"]: Ending(
            row["model"], date.fromisoformat(row["ends"]), row["successor"], row["source"]
        )
        for row in rows
    }
