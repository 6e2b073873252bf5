"""Exports of events: a compressed file of JSON lines, which a worker writes.

draft        made, and can still be changed
in_progress  a worker writes the file
success      the file is there
failed       the workers could not write it
stopped      cancelled
"""

from __future__ import annotations

import gzip
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, field, replace
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Literal, Protocol

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.text.json_lines import encode_json_line
from retouch.usage.cost_basis import CostBasis
from retouch.usage.documents import Document, DocumentStore, export_group
from retouch.usage.event import UsageEvent, day_of
from retouch.usage.log_rows import COLUMN_NAMES, log_row
from retouch.usage.query import UsageQuery, UsageReader
from retouch.usage.stores import UsageStore

ExportState = Literal["draft", "in_progress", "success", "failed", "stopped"]
_MAX_MEMORY_BYTES = 20_000_000
_NO_LIMIT = 2**62


@frozen_dataclass
class Export:
    """One export. `filters` are those of the analytics routes, by Portkey's names."""

    id: str
    workspace: str  # whose key made it
    workspaces: tuple[str, ...]  # whose events it has
    start: int  # Unix seconds
    end: int
    created: int
    filters: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = COLUMN_NAMES
    description: str = ""
    state: ExportState = "draft"
    total: int = 0  # rows of the file
    updated: int = 0
    created_by: str = ""  # the id of the key
    cost_basis: CostBasis = "cost"  # what its maker may see as the cost

    @property
    def object_key(self) -> str:
        """The name of the file in the bucket."""
        return f"exports/ws={self.workspace}/dt={day_of(self.created)}/{self.id}.jsonl.gz"


class ExportFiles(Protocol):
    """Where the files of exports are."""

    def put(self, key: str, file: IO[bytes]) -> None:
        """Store a file. Raises UsageUnavailable."""


@frozen_dataclass
class ExportPorts:
    """What writes an export."""

    usage: UsageStore
    documents: DocumentStore
    files: ExportFiles


def new_export_id() -> str:
    """Return the id of a new export."""
    return f"exp_{secrets.token_hex(12)}"


def to_document(export: Export, version: str = "") -> Document:
    """Return the document that is stored of an export."""
    return Document(export_group(export.workspace), export.id, asdict(export), version)


def from_document(document: Document) -> Export:
    """Return the export of a document."""
    values = document.values
    lists = {name: tuple(values[name]) for name in ("workspaces", "columns")}
    return Export(**{**values, **lists})


def write_export(document: Document, query: UsageQuery, ports: ExportPorts, now: int) -> bool:
    """Write the file of an export that is in progress. Return False when it was cancelled meanwhile.

    An export that is written twice has the same file: whoever stores the state first ends it.
    """
    export = from_document(document)
    events = UsageReader(ports.usage, now, max_events=_NO_LIMIT).read_events(query)
    with SpooledTemporaryFile(_MAX_MEMORY_BYTES) as file:
        total = _write_lines(file, events, export.columns)
        file.seek(0)
        ports.files.put(export.object_key, file)
    ended = replace(export, state="success", total=total, updated=now)
    return ports.documents.write(to_document(ended, document.version)) is not None


def _write_lines(file: IO[bytes], events: Iterator[UsageEvent], columns: Sequence[str]) -> int:
    total = 0
    with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as lines:
        for event in events:
            lines.write(encode_json_line(log_row(event, columns)) + b"\n")
            total += 1
    return total
