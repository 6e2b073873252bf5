"""The report that a budget has reached its threshold, and the webhook event of it for the owner of the budget."""

from __future__ import annotations

import logging
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from retouch.core.errors import Fault
from retouch.orders.charges import Charge

if TYPE_CHECKING:
    from retouch.webhooks.services import WebhookServices

_log = logging.getLogger("retouch")
THRESHOLD_EVENT = "budget.threshold"
_SCOPES = {"key": "api_key", "ws": "workspace", "vk": "virtual_key"}
_ID_DIGITS = 32


def threshold_data(charge: Charge, taken: int) -> dict[str, Any]:
    """Return the report about a budget whose use has reached its threshold."""
    scope, _, owner = charge.account.partition("#")
    return {
        "scope": _SCOPES[scope],
        "id": owner,
        "period": charge.period,
        "unit": "tokens" if charge.unit == "tokens" else "micro_usd",
        "taken": taken,
        "threshold": charge.alert_at,
    }


def emit_threshold_event(
    charge: Charge,
    taken: int,
    scope: str,
    load_webhooks: Callable[[], WebhookServices | None],
    now: int,
) -> None:
    """Queue the event for the endpoints that ask for it. A failure goes to the log, because the edit is paid for.

    A budget has one event in each period. Two edits that reach the threshold at once may send it twice, with one id.
    """
    webhooks = load_webhooks() if _is_owned_by(charge, scope) else None
    if webhooks is None:
        return
    from retouch.webhooks.event import make_event
    from retouch.webhooks.outbox import choose_endpoints, queue_event

    digest = sha256(f"{charge.account}/{charge.period}".encode()).hexdigest()[:_ID_DIGITS]
    data = {"object": "budget", **threshold_data(charge, taken)}
    event = make_event(f"budget_{digest}", THRESHOLD_EVENT, now, data)
    try:
        endpoints = choose_endpoints(scope, "", [THRESHOLD_EVENT], webhooks.table)
        queue_event(event, scope, endpoints, webhooks, now)
    except Fault as error:
        _log.warning("the event of a threshold was not queued", exc_info=error)


def _is_owned_by(charge: Charge, scope: str) -> bool:
    """Return whether the scope of the order owns the budget. In the default workspace each key is a tenant."""
    kind, _, owner = charge.account.partition("#")
    return kind == "key" or owner.partition("/")[0] == scope
