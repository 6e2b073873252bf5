"""A provider on a real socket, written from its documentation: strict about what the real one refuses.

One subclass a provider in `standins/`; the contract suite enrols them by existing.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from itertools import count

from tests.support.upstream import Answer, Received, Upstream

MAGENTA = (255, 0, 255)


@dataclass
class Failure:
    """What the provider says when it fails (answers in order, the last repeats), and what the caller must get."""

    answers: list[Answer]
    status: int
    code: str | None
    billed: str  # "yes", "no" or "unknown"
    after: int = (
        0  # how many good answers come first: 1 fails the first poll of a submit-poll-fetch
    )
    orders: int = 1  # how often the order goes out: again only where nothing can have been bought


def repeated(failure: Failure, orders: int = 3) -> Failure:
    """The same, where the order goes out several times."""
    return replace(failure, orders=orders)


@dataclass
class Seen:
    """What one paid call carried, read from the wire: decoded files, mask apart, and all plain fields."""

    pictures: list[bytes]
    mask: bytes | None = None
    fields: dict = field(default_factory=dict)


class StandIn(Upstream):
    """Use as a context manager, like Upstream. Subclasses write `env`, `respond`, `seen` and `failures`."""

    slug = ""
    key = "contract-key-0123456789"

    def __init__(self):
        super().__init__(Answer())
        self.failing: list[Answer] = []
        self._links = count()
        self.good_first = 0
        self.elsewhere = Upstream(
            Answer(404)
        )  # another origin, where results lie; never shown the key

    def __enter__(self):
        self.elsewhere.__enter__()
        return super().__enter__()

    def __exit__(self, *exc):
        for leave in (super().__exit__, self.elsewhere.__exit__):  # each takes a moment
            threading.Thread(target=leave, args=exc, daemon=True).start()

    def link(self, data: bytes) -> str:
        """A link to a result, on another origin than the provider's own."""
        path = f"/results/{next(self._links)}"
        self.elsewhere.files[path] = data
        return f"{self.elsewhere.url}{path}"

    def env(self) -> dict[str, str]:
        """The variables that make a gateway use this stand-in, its key included."""
        raise NotImplementedError

    def respond(self, received: Received) -> Answer:
        """The provider's answer to one request, whatever its method; refusals in the provider's own shape."""
        raise NotImplementedError

    def seen(self, received: Received) -> Seen:
        """What a paid call carried."""
        raise NotImplementedError

    def failures(self) -> dict[str, Failure]:
        """By name: bad_key, forbidden, rate_limited, rate_limited_with_hint, server_error_html, moderated, strange,
        pending_forever, cut, ... whichever the provider has."""
        raise NotImplementedError

    def fail(self, failure: Failure) -> None:
        """Answer with this failure from now on."""
        self.failing, self.good_first = list(failure.answers), failure.after

    def serve(self, handler):
        received = self.record(handler)
        return self.answer(handler, self._scripted() or self.respond(received))

    download = serve

    def _scripted(self) -> Answer | None:
        if not self.failing:
            return None
        if self.good_first:
            self.good_first -= 1
            return None
        return self.failing.pop(0) if len(self.failing) > 1 else self.failing[0]
