"""Leaves a provider alone that is down: after enough failures nobody waits for the next one.

Each address of a provider has a circuit. Closed: it is asked. Open: it is not, for `cooldown` seconds. Then half-open:
one request at a time is let through, and when one is answered the circuit closes.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from retouch.clock import Clock
from retouch.errors import BadUpstream, Billed, Fault, Moderated, OutOfTime, Refused

State = Literal["closed", "open", "half-open"]


class ProviderDown(BadUpstream):
    """The provider has failed too often of late; it was not asked."""

    status = 503
    code = "provider_circuit_open"
    billed: Billed = "no"


@dataclass(frozen=True, slots=True)
class Limits:
    """When a circuit opens, and for how long. Times in seconds."""

    failures: int = 5  # so many within a window,
    requests: int = 5  # of at least so many requests,
    share: float = 0.5  # and at least this part of them
    window: int = 120
    cooldown: int = 30  # Portkey's shortest


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is known of one provider. Times are Unix seconds."""

    window: int = 0  # which one the counts are of: its start
    failures: int = 0
    successes: int = 0
    opened_at: int | None = None  # when it was opened, or last let a request through


def state(circuit: Circuit, now: int, limits: Limits) -> State:
    """What a circuit says at a time."""
    if circuit.opened_at is None:
        return "closed"
    return "open" if now < circuit.opened_at + limits.cooldown else "half-open"


def counted(circuit: Circuit, window: int, failures: int, successes: int) -> Circuit:
    """The circuit with more results; those of another window are forgotten."""
    if circuit.window == window:
        failures, successes = circuit.failures + failures, circuit.successes + successes
    return replace(circuit, window=window, failures=failures, successes=successes)


def tripped(circuit: Circuit, limits: Limits) -> bool:
    """Whether a closed circuit has seen enough."""
    requests = circuit.failures + circuit.successes
    enough = circuit.failures >= limits.failures and requests >= limits.requests
    return circuit.opened_at is None and enough and circuit.failures >= limits.share * requests


def is_failure(fault: Fault) -> bool:
    """Whether a Fault says that the provider is down. Limits, money, content and bad requests do not.

    Nor does an order that was never sent for want of time.
    """
    if fault.billed == "no" and isinstance(fault, OutOfTime):
        return False
    return isinstance(fault, BadUpstream | OutOfTime)


def is_success(fault: Fault | None) -> bool:
    """Whether the provider did its work: it made a picture, or looked at the order and said why not."""
    return fault is None or isinstance(fault, Moderated | Refused)


def is_answer(fault: Fault | None) -> bool:
    """Whether the provider is up at all. Enough for a probe: a limit or a wrong key is an answer too.

    It is no success, or a storm of rate limits would outweigh real failures.
    """
    return is_success(fault) or (fault is not None and (fault.upstream_status or 500) < 500)


class Circuits(Protocol):
    """Where circuits are kept. No method raises; only `claim` and failures may take time."""

    def look(self, name: str) -> Circuit:
        """What is known at this moment."""

    def failed(self, name: str, window: int) -> Circuit:
        """One more failure in that window; the circuit afterwards."""

    def succeeded(self, name: str, window: int) -> None:
        """One more success in that window."""

    def open(self, name: str, at: int) -> None:
        """Open the circuit."""

    def claim(self, name: str, seen: int, at: int) -> bool:
        """Set `opened_at` from `seen` to `at`, later or earlier; False where somebody else was faster."""

    def close(self, name: str) -> None:
        """Close the circuit and forget its counts."""

    def all(self) -> Mapping[str, Circuit]:
        """Every circuit that is known."""


class OwnCircuits:
    """Circuits of this process alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Circuit] = {}

    def look(self, name: str) -> Circuit:
        """What is known at this moment."""
        return self._known.get(name, Circuit())

    def failed(self, name: str, window: int) -> Circuit:
        """One more failure."""
        with self._lock:
            self._known[name] = counted(self.look(name), window, 1, 0)
            return self._known[name]

    def succeeded(self, name: str, window: int) -> None:
        """One more success."""
        with self._lock:
            self._known[name] = counted(self.look(name), window, 0, 1)

    def open(self, name: str, at: int) -> None:
        """Open the circuit."""
        with self._lock:
            self._known[name] = replace(self.look(name), opened_at=at)

    def claim(self, name: str, seen: int, at: int) -> bool:
        """Set `opened_at` from `seen` to `at`; False where another thread was faster."""
        with self._lock:
            circuit = self.look(name)
            if circuit.opened_at != seen:
                return False
            self._known[name] = replace(circuit, opened_at=at)
            return True

    def close(self, name: str) -> None:
        """Close the circuit."""
        with self._lock:
            self._known[name] = Circuit()

    def all(self) -> Mapping[str, Circuit]:
        """Every circuit that is known."""
        with self._lock:
            return dict(self._known)

    def learn(self, circuits: Mapping[str, Circuit]) -> None:
        """Take over what others know better."""
        with self._lock:
            self._known.update(circuits)


class Breaker:
    """Asked before a provider is, and told afterwards by `record` or `forget`. Names are those of `Target.circuit`."""

    def __init__(self, circuits: Circuits, clock: Clock, limits: Limits | None = None) -> None:
        self._circuits, self._clock = circuits, clock
        self._limits = limits or Limits()
        # Half-open circuits that this process has a request through: since when, and `opened_at` before that.
        self._probes: dict[str, tuple[int, int]] = {}

    def check(self, name: str) -> None:
        """Returns where the provider may be asked. ProviderDown otherwise, with `retry_after`."""
        circuit, now = self._circuits.look(name), self._clock.unix()
        if circuit.opened_at is None:
            return
        if state(circuit, now, self._limits) == "half-open":
            if self._circuits.claim(name, circuit.opened_at, now):
                self._probes[name] = now, circuit.opened_at
                return
            circuit = replace(circuit, opened_at=now)
        assert circuit.opened_at is not None, "it is open"
        raise self._down(name, circuit.opened_at + self._limits.cooldown - now)

    def record(self, name: str, fault: Fault | None) -> None:
        """What became of a request; None is a picture. ProviderDown says that there was none."""
        if isinstance(fault, ProviderDown):
            return
        if fault is not None and is_failure(fault):
            self._failed(name)
        elif name in self._probes and is_answer(fault):
            self._circuits.close(name)
        elif is_success(fault):
            self._circuits.succeeded(name, self._window())
        else:
            self.forget(name)
        self._probes.pop(name, None)

    def forget(self, name: str) -> None:
        """A request says nothing about the provider: where it was the probe, the next one is."""
        if name in self._probes:
            at, before = self._probes.pop(name)
            self._circuits.claim(name, at, before)

    def state(self) -> Mapping[str, State]:
        """The state of every provider that is known, by name."""
        now = self._clock.unix()
        return {name: state(one, now, self._limits) for name, one in self._circuits.all().items()}

    def _failed(self, name: str) -> None:
        circuit = self._circuits.failed(name, self._window())
        if name in self._probes or tripped(circuit, self._limits):
            self._circuits.open(name, self._clock.unix())

    def _window(self) -> int:
        now = self._clock.unix()
        return now - now % self._limits.window

    def _down(self, name: str, seconds: int) -> ProviderDown:
        return ProviderDown(
            f"{name} has failed repeatedly and is left alone for another {seconds} s. "
            "Send the request again then, or choose another provider.",
            retry_after=float(seconds),
        )
