"""Counts the outcome of a provider call for its circuit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from retouch.core.errors import DeadlineExceeded, Fault
from retouch.gateway.circuit_breaker import CircuitBreaker


@contextmanager
def track_call(breaker: CircuitBreaker, circuit: str, is_client_timeout: bool) -> Iterator[None]:
    """Guard a provider call. Raises ProviderDown while the circuit is open. The outcome counts for the circuit.

    `circuit` is empty for a call that counts nowhere. A timeout counts only when it is not the caller's own.
    """
    if not circuit:
        yield
        return
    breaker.check(circuit)
    try:
        yield
    except BaseException as error:  # also a stream that nobody reads to its end
        is_own_timeout = isinstance(error, DeadlineExceeded) and is_client_timeout
        if isinstance(error, Fault) and not is_own_timeout:
            breaker.record(circuit, error)
        else:
            breaker.release_probe(circuit)
        raise
    breaker.record(circuit, None)
