"""The circuit breaker. After enough failures, a provider gets no requests for a while.

Each address of a provider has a circuit. While it is closed, requests pass. While it is open, for `cooldown_seconds`,
requests fail at once. Then it is half-open: one request at a time passes as a probe. When the provider responds to the
probe, the circuit closes.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

CircuitState = Literal["closed", "open", "half-open"]


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """The conditions under which a circuit opens, and the time for which it stays open. Times are in seconds."""

    min_failures: int = 5  # a circuit opens after this many failures in a window,
    min_requests: int = 5  # out of at least this many requests,
    failure_ratio: float = 0.5  # when they are at least this share of the requests
    window_seconds: int = 120
    cooldown_seconds: int = 30  # the minimum of Portkey


@dataclass(frozen=True, slots=True)
class Circuit:
    """The state of one provider's circuit. Times are Unix seconds."""

    window_start: int = 0  # the start of the window to which the counts belong
    failures: int = 0
    successes: int = 0
    opened_at: int | None = None  # when it opened, or when it last let a probe pass


def circuit_state(circuit: Circuit, now: int, limits: BreakerLimits) -> CircuitState:
    """Return the state of a circuit at a time."""
    if circuit.opened_at is None:
        return "closed"
    return "open" if now < circuit.opened_at + limits.cooldown_seconds else "half-open"


def add_results(circuit: Circuit, window_start: int, failures: int, successes: int) -> Circuit:
    """Return the circuit with more results. Results of an earlier window are dropped."""
    if circuit.window_start == window_start:
        failures, successes = circuit.failures + failures, circuit.successes + successes
    return replace(circuit, window_start=window_start, failures=failures, successes=successes)


def should_trip(circuit: Circuit, limits: BreakerLimits) -> bool:
    """Return whether a closed circuit has counted enough failures to open."""
    requests = circuit.failures + circuit.successes
    has_enough_results = circuit.failures >= limits.min_failures and requests >= limits.min_requests
    return (
        circuit.opened_at is None
        and has_enough_results
        and circuit.failures >= limits.failure_ratio * requests
    )


class CircuitStore(Protocol):
    """The store of circuits. No method raises. Only `claim_probe` and the recording of failures may take time."""

    def get_circuit(self, name: str) -> Circuit:
        """Return the circuit as currently known."""

    def record_failure(self, name: str, window_start: int) -> Circuit:
        """Count one failure in that window, and return the circuit afterwards."""

    def record_success(self, name: str, window_start: int) -> None:
        """Count one success in that window."""

    def open_circuit(self, name: str, opened_at: int) -> None:
        """Open the circuit."""

    def claim_probe(self, name: str, expected_opened_at: int, opened_at: int) -> bool:
        """Set `opened_at` from the expected to the new value. Return False when another caller changed it first."""

    def close_circuit(self, name: str) -> None:
        """Close the circuit and reset its counts."""

    def all_circuits(self) -> Mapping[str, Circuit]:
        """Return every known circuit."""


class InMemoryCircuitStore:
    """The circuits of this process only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._circuits: dict[str, Circuit] = {}

    def get_circuit(self, name: str) -> Circuit:
        """Return the circuit as currently known."""
        return self._circuits.get(name, Circuit())

    def record_failure(self, name: str, window_start: int) -> Circuit:
        """Count one failure, and return the circuit afterwards."""
        with self._lock:
            self._circuits[name] = add_results(self.get_circuit(name), window_start, 1, 0)
            return self._circuits[name]

    def record_success(self, name: str, window_start: int) -> None:
        """Count one success."""
        with self._lock:
            self._circuits[name] = add_results(self.get_circuit(name), window_start, 0, 1)

    def open_circuit(self, name: str, opened_at: int) -> None:
        """Open the circuit."""
        with self._lock:
            self._circuits[name] = replace(self.get_circuit(name), opened_at=opened_at)

    def claim_probe(self, name: str, expected_opened_at: int, opened_at: int) -> bool:
        """Set `opened_at` from the expected to the new value. Return False when another thread changed it first."""
        with self._lock:
            circuit = self.get_circuit(name)
            if circuit.opened_at != expected_opened_at:
                return False
            self._circuits[name] = replace(circuit, opened_at=opened_at)
            return True

    def close_circuit(self, name: str) -> None:
        """Close the circuit and reset its counts."""
        with self._lock:
            self._circuits[name] = Circuit()

    def all_circuits(self) -> Mapping[str, Circuit]:
        """Return every known circuit."""
        with self._lock:
            return dict(self._circuits)

    def merge(self, circuits: Mapping[str, Circuit]) -> None:
        """Replace circuits with newer values from the shared table."""
        with self._lock:
            self._circuits.update(circuits)
