"""Circuits in the memory of one process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace

from retouch.gateway.circuit_breaker import Circuit, add_results


class InMemoryCircuitStore:
    """The circuits of this process only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._circuits: dict[str, Circuit] = {}

    def get_circuit(self, name: str) -> Circuit:
        """Return the current state of the circuit."""
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
