"""Which circuit an attempt counts for, and the telling."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from retouch.errors import Fault, OutOfTime
from retouch.house import House, Order
from retouch.plan.connect import connect
from retouch.plan.resolve import Target
from retouch.settings import Settings
from retouch.wire.caller import Caller


def circuit(target: Target, caller: Caller, settings: Settings) -> str:
    """What the target fails together with; empty where that is nobody else's business."""
    usual = connect(target, Caller(), settings).options["base_url"]
    return "" if caller.host else target.circuit(usual)


@contextmanager
def watched(circuit: str, house: House, order: Order) -> Iterator[None]:
    """Around the asking: ProviderDown while the circuit is open, and its end counts. A caller's haste does not."""
    if not circuit:
        yield
        return
    breaker = house.breaker
    breaker.check(circuit)
    try:
        yield
    except BaseException as end:  # also a stream that nobody reads to its end
        hasty = isinstance(end, OutOfTime) and order.ends < order.deadline
        if isinstance(end, Fault) and not hasty:
            breaker.record(circuit, end)
        else:
            breaker.forget(circuit)
        raise
    breaker.record(circuit, None)
