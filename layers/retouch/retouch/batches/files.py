"""The record of a file: the input of batches, or the results of one. Its bytes are in the bucket."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from retouch.batches.batch import FILE_PREFIX
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.rows import Row

Purpose = Literal["batch", "batch_output"]
# A signed link to a result, which has the same route, contains dots.
FILE_ID_PATTERN = re.compile(rf"{FILE_PREFIX}[0-9a-z]{{34}}", re.ASCII)
DEFAULT_SECONDS = 30 * 86_400


@frozen_dataclass
class StoredFile:
    """One file."""

    id: str
    scope: str  # whose file it is
    purpose: Purpose
    name: str
    size: int  # bytes
    created: int  # Unix seconds
    expires: int


def content_key(file_id: str) -> str:
    """Return the key of a file's bytes in the bucket."""
    return f"files/{file_id}"


def file_row(file: StoredFile) -> Row:
    """Return the file as it is stored."""
    values: Mapping[str, str | int] = {
        "purpose": file.purpose,
        "name": file.name,
        "size": file.size,
        "created": file.created,
    }
    return Row(file.scope, file.id, values, file.expires)


def file_of_row(row: Row) -> StoredFile:
    """Return the file in a row."""
    values: Mapping[str, Any] = row.values
    return StoredFile(
        row.id,
        row.scope,
        values["purpose"],
        values["name"],
        values["size"],
        values["created"],
        row.expires,
    )
