"""Rows of a table under a scope and an id, and the table that stores them. Every write is conditional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Protocol

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.write_conflict import WriteConflict


@frozen_dataclass
class Row:
    """The values of a record as they are stored. `version` is the table's own mark."""

    scope: str
    id: str
    values: Mapping[str, str | int] = field(repr=False)
    expires: int = 0  # Unix seconds; 0: never
    due: int = 0  # when its next step is due; 0: the sweeper does not look for it
    version: str = ""


class RowConflict(WriteConflict):
    """Another row is stored than the one that a write should replace. `stored` is that row, or None."""

    def __init__(self, stored: Row | None) -> None:
        super().__init__("the row has changed")
        self.stored = stored


class RowTable(Protocol):
    """A table of rows. Every method raises a Fault with status 503 when the table cannot be used."""

    def read(self, scope: str, identifier: str) -> Row | None:
        """Return the row as it was last written, or None. An expired row may still be there."""

    def write(self, row: Row, replaces: Row | None) -> Row:
        """Write a row if `replaces` is still stored, or if nothing is stored and `replaces` is None.

        Return the row with its new version. Raises RowConflict with the stored row. A write that is repeated because
        its response was lost succeeds.
        """

    def delete(self, scope: str, identifier: str) -> None:
        """Delete a row, if there is one."""

    def list_rows(
        self, scope: str, prefix: str, after: str, limit: int, *, is_ascending: bool
    ) -> Sequence[Row]:
        """Return the rows of a scope whose ids have the prefix, in the order of their ids, after the id `after`."""

    def list_due(self, before: int) -> Sequence[Row]:
        """Return the rows whose next step was due before that Unix time."""
