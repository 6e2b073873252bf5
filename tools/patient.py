"""The gateway that is examined, as its visitor sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

PATIENCE = 60.0  # seconds for each request
Answer = requests.Response


class Wrong(Exception):
    """A check that failed, in words."""


@dataclass(frozen=True)
class Gateway:
    """Where it is, and the key to it."""

    root: str
    key: str

    def ask(self, method: str, path: str, key: str | None = None, **more: Any) -> Answer:
        """A request with the key, or with another one; "" is none."""
        key = self.key if key is None else key
        headers = {**({"Authorization": f"Bearer {key}"} if key else {}), **more.pop("headers", {})}
        return requests.request(method, self.root + path, headers=headers, timeout=PATIENCE, **more)

    def told(self, method: str, path: str, **more: Any) -> Any:
        """The JSON of a good answer; Wrong with the gateway's own words otherwise."""
        answer = self.ask(method, path, **more)
        if answer.status_code != 200:
            raise Wrong(f"{answer.status_code}: {message(answer)}")
        return answer.json()


def message(answer: Answer) -> str:
    """The words of an error, or the beginning of whatever came instead."""
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return repr(answer.text[:200])
