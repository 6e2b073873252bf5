"""POST /v1/admin/orders/{id}/reconcile: what the operator has found out about an order at risk."""

from __future__ import annotations

from typing import Any, Literal, cast

from retouch.api.admin.fields import FieldReader
from retouch.api.admin.request import AdminRequest, AdminResponse, AdminServices
from retouch.api.admin.writes import (
    audit_entry,
    changed_meanwhile_error,
    find_created,
    write_rows,
)
from retouch.core.errors import InvalidRequest, OrdersUnavailable
from retouch.orders.order import Order
from retouch.orders.reconciliation import (
    Finding,
    OutcomeKnown,
    find_unknown_order,
    read_order,
    reconcile_order,
)
from retouch.orders.stores import OrderStores
from retouch.tenants.limits import AT_COST
from retouch.tenants.rows import ONLY, find_price_of_owner
from retouch.tenants.table import RowWrite, TenantRow
from retouch.usage.money import dollars

_SCOPE = "workspaces.update"  # only keys of the organisation have it
_CLAIM_SECONDS = 60  # the request of another finding has surely ended after this time
_NO_WORKSPACE = ""  # the audit row has the provider's cost, which only keys of the organisation see


def reconcile(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Store whether an unknown order was billed, and correct the budgets. A second finding is refused."""
    request.require_scope(_SCOPE)
    stores, identifier = _require_orders(services), request.path_values["id"]
    finding = _read_finding(FieldReader(request.body()))
    repeated = find_created(request, services)
    try:
        order = find_unknown_order(stores.table, identifier)
    except OutcomeKnown:
        if not repeated:
            raise
        return 200, _document(read_order(stores.table, identifier))
    if finding.needs_price and find_price_of_owner(services.tenants.table, order.scope) != AT_COST:
        raise InvalidRequest(
            "'price_usd' is required, because the workspace of the order has a price of its own. It is what the "
            "budgets are charged and what the workspace sees.",
            param="price_usd",
        )
    if not repeated:
        # It comes first, so that no change is without a row. A crash between both leaves the order unknown.
        place = (_NO_WORKSPACE, order.id)
        after = {"billed": finding.billed, **_amounts(finding)}
        entry = audit_entry(
            request, "order.reconcile", place, {"state": order.state, "billed": "unknown"}, after
        )
        write_rows(request, services, [_claim_finding(order, services)], [entry], order.id)
    now = services.clock.unix_time()
    known = reconcile_order(order, finding, stores.table, stores.ledger, now, stores.validity)
    return 200, _document(known)


def _claim_finding(order: Order, services: AdminServices) -> RowWrite:
    """Return the write that lets only one of two findings at the same time write its audit row. Raises Conflict."""
    partition, now = f"RECONCILE#{order.id}#{order.version}", services.clock.unix_time()
    stored = services.tenants.table.read(partition, ONLY)
    if stored and now < (stored.expires or 0):
        raise changed_meanwhile_error()
    return RowWrite(TenantRow(partition, ONLY, {}, now + _CLAIM_SECONDS), stored)


def _require_orders(services: AdminServices) -> OrderStores:
    if services.orders is None:
        raise OrdersUnavailable(
            "This gateway has no table of orders. Set RETOUCH_ORDERS_TABLE on the admin function.",
            retryable=False,
        )
    return services.orders


def _read_finding(fields: FieldReader) -> Finding:
    """Return what the body says. Raises InvalidRequest."""
    billed = fields.choice("billed", ("yes", "no"))
    if not billed:
        raise fields.error("billed", "is required: yes or no")
    cost, price = fields.millionths("cost_usd"), fields.millionths("price_usd")
    fields.reject_unknown()
    if billed == "no" and (cost or price):
        raise fields.error("cost_usd" if cost else "price_usd", "must be 0 when billed is no")
    return Finding(cast(Literal["yes", "no"], billed), cost, price)


def _amounts(finding: Finding) -> dict[str, float | None]:
    amounts = {"cost_usd": finding.cost, "price_usd": finding.price}
    return {name: None if one is None else dollars(one) for name, one in amounts.items()}


def _document(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "object": "order",
        "success": True,
        "state": order.state,
        "billed": order.billed,
        "cost_usd": float(order.cost) if order.cost else None,
        "price_usd": order.cost_usd,
    }
