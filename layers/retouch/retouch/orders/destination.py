"""The destination of the outcome of an edit that an event has started: an object, a reply queue or a state machine."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import orjson

from retouch.core.frozen_dataclass import frozen_dataclass


@frozen_dataclass
class InboxTarget:
    """The object of an edit, and the names of what is written about its end."""

    bucket: str
    object_key: str
    recipe: str
    recipe_etag: str
    output: str  # the template of the keys of its images
    failure_key: str
    sequencer: str  # of the object's event; empty: not known
    modified: float  # the last change of the object and what belongs to it, in Unix seconds


@frozen_dataclass
class Destination:
    """Who gets a report of the end of an edit, and what the report says."""

    inbox: InboxTarget | None = None
    reply_to: str = ""  # the ARN of a queue
    task_token: str = ""  # of a state that waits

    @property
    def is_empty(self) -> bool:
        """Whether only the event bus gets a report."""
        return not (self.inbox or self.reply_to or self.task_token)

    def to_text(self) -> str:
        """Return the destination as the record of an order stores it."""
        if self.is_empty:
            return ""
        values: dict[str, Any] = {"reply_to": self.reply_to, "task_token": self.task_token}
        if self.inbox:
            values["inbox"] = {f.name: getattr(self.inbox, f.name) for f in fields(self.inbox)}
        return orjson.dumps(values).decode()


def read_destination(text: str) -> Destination:
    """Return the destination in the record of an order."""
    if not text:
        return Destination()
    values = orjson.loads(text)
    inbox = values.get("inbox")
    return Destination(
        InboxTarget(**inbox) if inbox else None, values["reply_to"], values["task_token"]
    )
