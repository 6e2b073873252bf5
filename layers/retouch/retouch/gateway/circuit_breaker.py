"""The circuit breaker: when a circuit opens, how long it stays open, and which outcomes count.

Each base URL of a provider has a circuit. A closed circuit permits every call. An open circuit rejects calls for
`cooldown` seconds. Then it is half-open: it permits one call at a time (the probe), and closes when the probe gets a
response.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, Protocol

from retouch.core.clock import Clock
from retouch.core.errors import (
    Billed,
    DeadlineExceeded,
    Fault,
    Moderated,
    RejectedByProvider,
    UpstreamError,
)
from retouch.core.frozen_dataclass import frozen_dataclass, replace


@contextmanager
def track_call(breaker: CircuitBreaker, circuit: str, is_client_timeout: bool) -> Iterator[None]:
    """Guard a provider call. Raises ProviderDown while the circuit is open. The outcome counts for the circuit.

    `circuit` is empty for a call that does not count. The caller's own timeout does not count either.
    """
    if not circuit:
        yield
        return
    breaker.check(circuit)
    try:
        yield
    except BaseException as error:  # also when the consumer stops reading a stream early
        is_own_timeout = isinstance(error, DeadlineExceeded) and is_client_timeout
        if isinstance(error, Fault) and not is_own_timeout:
            breaker.record(circuit, error)
        else:
            breaker.release_probe(circuit)
        raise
    breaker.record(circuit, None)


class ProviderDown(UpstreamError):
    """The error for a request that was not sent, because the provider failed too often recently."""

    status = 503
    code = "provider_circuit_open"
    billed: Billed = "no"
    is_outage = False


def is_failure(fault: Fault) -> bool:
    """Return whether a Fault means that the provider may be down.

    Rate limits, quotas, moderation and invalid requests do not mean that, and neither does any other error that the
    content of a request can cause. A request that was not sent, because the deadline passed, does not mean that.
    """
    if fault.billed == "no" and isinstance(fault, DeadlineExceeded):
        return False
    return fault.is_outage


def is_success(fault: Fault | None) -> bool:
    """Return whether the provider works: it made an image, or it examined the request and refused it."""
    return fault is None or isinstance(fault, Moderated | RejectedByProvider)


def is_provider_up(fault: Fault | None) -> bool:
    """Return whether the provider responds at all.

    A rate limit or a rejected key also counts as a response, so it completes a probe. It does not count as a success,
    because many rate limits would then hide real failures.
    """
    return is_success(fault) or (fault is not None and (fault.upstream_status or 500) < 500)


class CircuitBreaker:
    """The circuit breaker. Call `check` before a provider call, and `record` or `release_probe` after it.

    A circuit's name is the value of `ResolvedModel.circuit_name`.
    """

    def __init__(
        self, store: CircuitStore, clock: Clock, limits: BreakerLimits | None = None
    ) -> None:
        self._store, self._clock = store, clock
        self._limits = limits or BreakerLimits()
        # The probes of this process, by circuit: when each began, and the value of `opened_at` before that.
        self._probes: dict[str, tuple[int, int]] = {}

    def check(self, name: str) -> None:
        """Raise ProviderDown, with `retry_after`, unless the provider may be called."""
        circuit, now = self._store.get_circuit(name), self._clock.unix_time()
        if circuit.opened_at is None:
            return
        if circuit_state(circuit, now, self._limits) == "half-open":
            if self._store.claim_probe(name, circuit.opened_at, now):
                self._probes[name] = now, circuit.opened_at
                return
            circuit = replace(circuit, opened_at=now)
        assert circuit.opened_at is not None, "the circuit is open"
        raise self._provider_down_error(
            name, circuit.opened_at + self._limits.cooldown_seconds - now
        )

    def record(self, name: str, fault: Fault | None) -> None:
        """Count the outcome of a provider call.

        None means an image. ProviderDown is ignored, because no call was made.
        """
        if isinstance(fault, ProviderDown):
            return
        if fault is not None and is_failure(fault):
            self._record_failure(name)
        elif name in self._probes and is_provider_up(fault):
            self._store.close_circuit(name)
        elif is_success(fault):
            self._store.record_success(name, self._window_start())
        else:
            self.release_probe(name)
        self._probes.pop(name, None)

    def release_probe(self, name: str) -> None:
        """End the probe of a call whose outcome does not count. The next call may be the probe."""
        if name in self._probes:
            claimed_at, previous_opened_at = self._probes.pop(name)
            self._store.claim_probe(name, claimed_at, previous_opened_at)

    def states(self) -> Mapping[str, CircuitState]:
        """Return the state of every known circuit, by name."""
        now = self._clock.unix_time()
        return {
            name: circuit_state(circuit, now, self._limits)
            for name, circuit in self._store.all_circuits().items()
        }

    def _record_failure(self, name: str) -> None:
        circuit = self._store.record_failure(name, self._window_start())
        if name in self._probes or should_trip(circuit, self._limits):
            self._store.open_circuit(name, self._clock.unix_time())

    def _window_start(self) -> int:
        now = self._clock.unix_time()
        return now - now % self._limits.window_seconds

    def _provider_down_error(self, name: str, seconds: int) -> ProviderDown:
        return ProviderDown(
            f"{name} has failed repeatedly and gets no requests for another {seconds} s. "
            "Send the request again after that, or choose another provider.",
            retry_after=float(seconds),
        )


CircuitState = Literal["closed", "open", "half-open"]


@frozen_dataclass
class BreakerLimits:
    """The conditions under which a circuit opens, and the time for which it stays open. Times are in seconds."""

    min_failures: int = 5  # a circuit opens after this many failures in a window,
    min_requests: int = 5  # out of at least this many requests,
    failure_ratio: float = 0.5  # when they are at least this share of the requests
    window_seconds: int = 120
    cooldown_seconds: int = 30  # the minimum of Portkey


@frozen_dataclass
class Circuit:
    """The state of one provider's circuit. Times are Unix seconds."""

    window_start: int = 0  # the start of the window to which the counts belong
    failures: int = 0
    successes: int = 0
    opened_at: int | None = None  # when it opened, or when it last permitted a probe


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
