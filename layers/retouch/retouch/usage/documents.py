"""Documents about usage that are not events: feedback and exports. Each belongs to a group and has an id within it.

feedback of a day of a workspace    F#<workspace>#<day>
exports of a workspace              E#<workspace>
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from retouch.core.frozen_dataclass import frozen_dataclass


@frozen_dataclass
class Document:
    """One document, as it is stored. `version` is the store's own mark of it."""

    group: str
    id: str
    values: dict[str, Any]
    version: str = ""


class DocumentStore(Protocol):
    """The documents. Every method raises UsageUnavailable when the store cannot be used."""

    def write(self, document: Document) -> Document | None:
        """Write a document if its version is still stored, or if it has none and nothing is stored.

        Return the document with its new version, or None when another one is stored. A write that is repeated because
        its response was lost succeeds.
        """

    def read(self, group: str, identifier: str) -> Document | None:
        """Return a document, or None."""

    def read_group(self, group: str) -> Sequence[Document]:
        """Return all documents of a group, by their ids."""


def feedback_group(workspace: str, day: str) -> str:
    """Return the group of the feedback of a day."""
    return f"F#{workspace}#{day}"


def export_group(workspace: str) -> str:
    """Return the group of a workspace's exports."""
    return f"E#{workspace}"
