"""The choice of the table of budgets from the settings, and what orders need of it. It is loaded at its first use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from retouch.core.clock import Clock
from retouch.core.settings import Settings
from retouch.gateway.budget_ledger import BudgetLedger
from retouch.gateway.rate_limiter import RateLimiter
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.budget_notices import BudgetNotices
from retouch.orders.stores import OrderStores
from retouch.tenants.budget_table import BudgetTable
from retouch.tenants.rates import RateTable


def budget_table_opener(settings: Settings, aws: AwsClients) -> Callable[[], BudgetTable] | None:
    """Return a function that opens the table that the settings name, or None when they name none."""

    @cache
    def open_table() -> BudgetTable:
        if settings.budgets_table:
            from retouch.infrastructure.aws.budget_table import BudgetDynamoTable

            return BudgetDynamoTable(settings.budgets_table, aws)
        from retouch.infrastructure.budget_folder import BudgetFolderTable

        return BudgetFolderTable(settings.orders_folder)

    return open_table if settings.budgets_table or settings.orders_folder else None


def rate_limiter(settings: Settings, aws: AwsClients, clock: Clock) -> RateLimiter | None:
    """Return what counts requests, or None when the settings name no table."""

    @cache
    def open_table() -> RateTable:
        if settings.budgets_table:
            from retouch.infrastructure.aws.rate_table import RateDynamoTable

            return RateDynamoTable(settings.budgets_table, aws)
        from retouch.infrastructure.rate_folder import RateFolderTable

        return RateFolderTable(settings.orders_folder)

    has_table = settings.budgets_table or settings.orders_folder
    return RateLimiter(open_table, clock) if has_table else None


def add_ledger(
    orders: OrderStores | None,
    open_table: Callable[[], BudgetTable] | None,
    settings: Settings,
    aws: AwsClients,
) -> OrderStores | None:
    """Return the stores of orders with the ledger that settles their charges."""
    if orders is None or open_table is None:
        return orders
    publish = None
    if settings.event_bus:
        from retouch.infrastructure.aws.event_bus import EventBus

        publish = EventBus(settings.event_bus, aws).publish
    notices = BudgetNotices(settings.environment, publish, settings.stack_name)
    return replace(orders, ledger=BudgetLedger(open_table, notices))
