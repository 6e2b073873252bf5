"""Through the whole corridor: the door, real sockets, the real wall; only the clock is a test's."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit

from tests.contract.digest import calls
from tests.contract.enrolled import PAID_MODELS, TODAY, standin
from tests.contract.orders import wanted
from tests.contract.standin import Seen
from tests.support.door import edit
from tests.support.house import TestClock, build_house
from tests.support.pictures import opened


@dataclass(frozen=True)
class Outcome:
    """What the caller got."""

    status: int
    headers: dict
    error: dict | None
    pictures: tuple[bytes, ...] = ()
    facts: dict = field(default_factory=dict)

    @property
    def notes(self):
        return self.headers.get("x-retouch-notes", "")

    def noted(self, name):
        """Whether a note is about the parameter."""
        return any(note.startswith(f"{name}:") for note in self.notes.split("; "))

    @property
    def looks(self):
        """What can be seen of the pictures."""
        images = [opened(data) for data in self.pictures]
        return [(image.format, image.size, image.tobytes()) for image in images]


def house_of(server=None):
    """A house whose provider is the stand-in; its results may be fetched from this machine."""
    env = {}
    if server is not None:
        env = {"RETOUCH_FETCH_ALLOW": urlsplit(server.elsewhere.url).netloc, **server.env()}
    return build_house(env, TestClock(TODAY))


def ask(order, server=None, house=None):
    """Send the order; the outcome, whatever it is."""
    answer = edit(order.form(), house=house or house_of(server))
    if answer.frames is not None:
        return _watched(answer)
    body = answer.json
    pictures = tuple(base64.b64decode(item["b64_json"]) for item in body.get("data", ()))
    return Outcome(answer.status, answer.headers, body.get("error"), pictures, body)


@dataclass(frozen=True)
class Ran:
    """A fullest order that ended well, and what was seen of it on the other side."""

    outcome: Outcome
    calls: list  # as they are stored
    received: list
    elsewhere: list
    seen: Seen  # by the first paid call


@lru_cache(64)
def ran(provider_name, model_id, variant):
    """One of a model's fullest orders, run once for all tests about it."""
    provider, model = next(
        (p, m) for p, m in PAID_MODELS if (p.name, m.id) == (provider_name, model_id)
    )
    order = wanted(provider, model)[variant]
    with standin(provider) as server:
        outcome = ask(order, server)
        assert outcome.error is None, f"{order.model} {variant}: {outcome.error}"
        assert len(outcome.pictures) == order.n
        seen = server.seen(server.calls[0])
        return Ran(outcome, calls(server), server.received, server.elsewhere.received, seen)


def _watched(answer):
    ends = [payload for name, payload in answer.frames if name.endswith(".completed")]
    errors = [payload["error"] for _, payload in answer.frames if "error" in payload]
    pictures = tuple(base64.b64decode(payload["b64_json"]) for payload in ends)
    facts = ends[0] if ends else {}
    return Outcome(answer.status, answer.headers, next(iter(errors), None), pictures, facts)
