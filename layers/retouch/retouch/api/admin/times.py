"""Times in the answers of the admin API: ISO 8601 in UTC, as Portkey writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def show_time(unix_time: int | None) -> str | None:
    """Return a time as text, or None."""
    if not unix_time:
        return None
    return f"{datetime.fromtimestamp(unix_time, UTC):%Y-%m-%dT%H:%M:%S}.000Z"
