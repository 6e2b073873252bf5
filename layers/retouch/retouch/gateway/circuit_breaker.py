"""Which circuit an attempt counts for, and the telling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from retouch.core.clock import Clock
from retouch.core.errors import Billed, DeadlineExceeded, Fault, Moderated, Refused, UpstreamError
from retouch.gateway.circuit_store import (
    BreakerLimits,
    CircuitState,
    CircuitStore,
    circuit_state,
    should_trip,
)


class ProviderDown(UpstreamError):
    """The error for a request that was not sent, because the provider failed too often recently."""

    status = 503
    code = "provider_circuit_open"
    billed: Billed = "no"


def is_failure(fault: Fault) -> bool:
    """Return whether a Fault means that the provider is down.

    Rate limits, quotas, moderation and bad requests do not mean that. A request that was never sent, because no time
    was left, does not either.
    """
    if fault.billed == "no" and isinstance(fault, DeadlineExceeded):
        return False
    return isinstance(fault, UpstreamError | DeadlineExceeded)


def is_success(fault: Fault | None) -> bool:
    """Return whether the provider did its work: it made an image, or it examined the request and refused it."""
    return fault is None or isinstance(fault, Moderated | Refused)


def is_provider_up(fault: Fault | None) -> bool:
    """Return whether the provider responds at all.

    A rate limit or a rejected key also counts, and is enough for a probe.

    Such a response is not a success. Otherwise many rate limits would outweigh real failures.
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
        """Return when the provider may be called. Raises ProviderDown, with `retry_after`, when it may not."""
        circuit, now = self._store.get_circuit(name), self._clock.unix_time()
        if circuit.opened_at is None:
            return
        if circuit_state(circuit, now, self._limits) == "half-open":
            if self._store.claim_probe(name, circuit.opened_at, now):
                self._probes[name] = now, circuit.opened_at
                return
            circuit = replace(circuit, opened_at=now)
        assert circuit.opened_at is not None, "the circuit is open"
        raise self._provider_down(name, circuit.opened_at + self._limits.cooldown_seconds - now)

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
        """Give up the probe of a call that says nothing about the provider. The next call may be the probe."""
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

    def _provider_down(self, name: str, seconds: int) -> ProviderDown:
        return ProviderDown(
            f"{name} has failed repeatedly and gets no requests for another {seconds} s. "
            "Send the request again after that, or choose another provider.",
            retry_after=float(seconds),
        )
