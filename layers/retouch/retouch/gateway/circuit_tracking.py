"""Counts the outcome of a provider call for its circuit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from retouch.core.credentials import ClientCredentials
from retouch.core.errors import DeadlineExceeded, Fault
from retouch.core.resolved_model import ResolvedModel
from retouch.core.settings import Settings
from retouch.gateway.services import RequestContext, Services
from retouch.planning.connection import resolve_connection


def circuit_name(
    resolved: ResolvedModel, credentials: ClientCredentials, settings: Settings
) -> str:
    """What the target fails together with; empty where that is nobody else's business."""
    default_base_url = resolve_connection(resolved, ClientCredentials(), settings).options[
        "base_url"
    ]
    return "" if credentials.custom_host else resolved.circuit_name(default_base_url)


@contextmanager
def track_call(circuit: str, services: Services, context: RequestContext) -> Iterator[None]:
    """Around the asking: ProviderDown while the circuit is open, and its end counts. A caller's haste does not."""
    if not circuit:
        yield
        return
    breaker = services.breaker
    breaker.check(circuit)
    try:
        yield
    except BaseException as error:  # also a stream that nobody reads to its end
        is_client_timeout = (
            isinstance(error, DeadlineExceeded) and context.effective_deadline < context.deadline
        )
        if isinstance(error, Fault) and not is_client_timeout:
            breaker.record(circuit, error)
        else:
            breaker.release_probe(circuit)
        raise
    breaker.record(circuit, None)
