"""The local inbox: each new file in the folder becomes an event of S3 in the local queue, as a bucket sends it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from retouch.api.events.edit_messages import object_message
from retouch.core.errors import OrdersUnavailable
from retouch.inbox.object_names import FAILED_PREFIX, INBOX_PREFIX, OUTBOX_PREFIX, RECIPES_PREFIX
from retouch.inbox.store import InboxUnavailable, ObjectCreated
from retouch.infrastructure.local.inbox_folder import InboxFolder
from retouch.infrastructure.local.job_folder import EditsFolderQueue

LOCAL_BUCKET = "local"
FIRST_RECIPE, MASKED_RECIPE = "erase", "masked"
_PAUSE_SECONDS = 0.5
_EDIT = {"model": "local/erase", "prompt": "remove the ball", "output_format": "png"}
# The ball in events/photo.png. Other photos lose what is at the same place.
_BALL = {"type": "ellipse", "cx": 0.678, "cy": 0.748, "rx": 0.225, "ry": 0.155}
_FIRST_RECIPES = {
    FIRST_RECIPE: {"edit": _EDIT, "mask": {"shapes": [_BALL], "unit": "fraction"}},
    MASKED_RECIPE: {"edit": _EDIT, "mask": "sibling"},
}


class FileState(NamedTuple):
    """What tells two versions of a file apart."""

    modified_ns: int
    size: int


class InboxWatcher:
    """Looks for new files until its task is cancelled.

    It notes in the folder what it has seen, so that a restart buys nothing again.
    """

    def __init__(self, folder: Path, queue: EditsFolderQueue) -> None:
        self._folder, self._queue = folder, queue
        self._store = InboxFolder(str(folder))
        self._notes = folder / ".retouch" / "seen.json"
        self._seen = self._read_notes()
        self._growing: dict[str, FileState] = {}

    async def run(self) -> None:
        """Look for new files again and again."""
        while True:
            with suppress(OSError, OrdersUnavailable, InboxUnavailable):
                await asyncio.to_thread(self.look)
            await asyncio.sleep(_PAUSE_SECONDS)

    def look(self) -> None:
        """Send an event for each new file that has not changed since the last look."""
        for key, state in self._list_files():
            if self._seen.get(key) == state:
                continue
            if self._growing.get(key) != state:  # perhaps it is still copied
                self._growing[key] = state
                continue
            self._send(key, state)
            self._growing.pop(key)
            self._seen[key] = state
            self._write_notes()

    def _send(self, key: str, state: FileState) -> None:
        file = self._store.read_metadata(LOCAL_BUCKET, key)
        if file:
            sequencer = f"{state.modified_ns:016X}"
            event = ObjectCreated(LOCAL_BUCKET, key, file.etag, state.size, sequencer)
            self._queue.send(object_message(event))

    def _list_files(self) -> Iterator[tuple[str, FileState]]:
        for folder, _, names in os.walk(self._folder / INBOX_PREFIX):
            for name in names:
                path = Path(folder, name)
                with suppress(FileNotFoundError):
                    stat = path.stat()
                    is_hidden = name.startswith(".") or name.endswith(("~", ".part", ".crdownload"))
                    if not is_hidden:
                        key = path.relative_to(self._folder).as_posix()
                        yield key, FileState(stat.st_mtime_ns, stat.st_size)

    def _read_notes(self) -> dict[str, FileState]:
        with suppress(OSError, ValueError):
            notes = json.loads(self._notes.read_text())
            return {key: FileState(*state) for key, state in notes.items()}
        return {}

    def _write_notes(self) -> None:
        self._notes.parent.mkdir(exist_ok=True)
        temporary = self._notes.with_suffix(".new")
        temporary.write_text(json.dumps(self._seen))
        temporary.replace(self._notes)


def prepare_inbox(folder: Path) -> None:
    """Make the folders of an inbox, and the first recipes when there is none."""
    for prefix in (RECIPES_PREFIX, INBOX_PREFIX, OUTBOX_PREFIX, FAILED_PREFIX):
        (folder / prefix).mkdir(parents=True, exist_ok=True)
    recipes = folder / RECIPES_PREFIX
    if not any(recipes.glob("*.json")):
        for name, recipe in _FIRST_RECIPES.items():
            (recipes / f"{name}.json").write_text(json.dumps(recipe, indent=2) + "\n")
    for recipe_file in recipes.glob("*.json"):
        (folder / INBOX_PREFIX / recipe_file.stem).mkdir(exist_ok=True)
