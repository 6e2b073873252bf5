"""Recent edits in a folder that the worker processes of one machine share: a file for each, with its expiry time.

A failure of the folder goes to the log. The gateway then works as without a folder.
"""

from __future__ import annotations

import logging
from pathlib import Path


class RecentEditFolder:
    """The recent edits of all processes that use the folder."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def add(self, fingerprint: str, expires_at: int) -> None:
        """Store an edit until that Unix time."""
        try:
            (self._folder / fingerprint).write_text(str(expires_at))
        except OSError as error:
            logging.getLogger("retouch").warning(
                "the folder of recent edits cannot be used", exc_info=error
            )

    def remove(self, fingerprint: str) -> None:
        """Remove an edit."""
        (self._folder / fingerprint).unlink(missing_ok=True)

    def contains(self, fingerprint: str, unix_time: int) -> bool:
        """Return whether the folder has an edit that has not expired at that time."""
        try:
            return int((self._folder / fingerprint).read_text() or 0) > unix_time
        except FileNotFoundError:
            return False
