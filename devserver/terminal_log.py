"""The log on a terminal: one readable line for each request, and other records without their JSON.

The functions write JSON, as on Lambda. When the standard error of the server is a terminal, this module reads it from a
pipe and writes it to the terminal in another form. In every other case the JSON goes out as it is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Mapping
from typing import Any

import orjson

_STDERR_DESCRIPTOR = 2


def start_terminal_log(hidden_settings: Collection[str] = ()) -> None:
    """Write everything that this process and its children write to the standard error in a readable form.

    A warning about one of the hidden settings is left out: the server itself has chosen their values.
    """
    terminal = os.dup(_STDERR_DESCRIPTOR)
    read_end, write_end = os.pipe()
    os.dup2(write_end, _STDERR_DESCRIPTOR)
    os.close(write_end)
    threading.Thread(
        target=_copy_lines, args=(read_end, terminal, tuple(hidden_settings)), daemon=True
    ).start()


def _copy_lines(read_end: int, terminal: int, hidden_settings: tuple[str, ...]) -> None:
    with os.fdopen(read_end, "rb") as source, os.fdopen(terminal, "wb", buffering=0) as target:
        for line in source:
            text = readable_line(line, hidden_settings)
            if text is not None:
                target.write(text)


def readable_line(line: bytes, hidden_settings: tuple[str, ...] = ()) -> bytes | None:
    """Return a line of the log for a person, or None for one that only machines read."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line
    if not isinstance(record, dict):
        return line
    if "_aws" in record:  # metrics
        return None
    if record.get("message") == "request":
        return _request_line(record).encode() + b"\n"
    if str(record.get("message", "")).startswith(hidden_settings):
        return None
    if "message" in record and "level" in record:
        return f"{record['level'].lower()}: {record['message']}\n".encode()
    return line


def _request_line(record: Mapping[str, Any]) -> str:
    """Return for example "edit  openai/gpt-image-2  200  812 ms  billed yes  $0.053"."""
    model = "/".join(filter(None, (record.get("provider"), record.get("model"))))
    cost = record.get("cost_usd")
    parts = (
        record.get("operation"),
        model,
        record.get("status"),
        f"{record.get('ms', 0):.0f} ms",
        f"billed {record.get('billed')}",
        f"${cost}" if cost else "",
        record.get("error"),
    )
    return "  ".join(str(part) for part in parts if part)
