"""Files that appear as a whole: another process that reads one never sees a part of it."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path


def write_file(path: Path, data: bytes) -> None:
    """Write a file in place of an earlier one. Raises OSError."""
    temporary = _write_temporary(path, data)
    temporary.replace(path)


def write_file_once(path: Path, data: bytes) -> None:
    """Write a file unless there is one already. Raises OSError."""
    temporary = _write_temporary(path, data)
    with suppress(FileExistsError):
        path.hardlink_to(temporary)
    temporary.unlink()


def _write_temporary(path: Path, data: bytes) -> Path:
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    temporary.write_bytes(data)
    return temporary
