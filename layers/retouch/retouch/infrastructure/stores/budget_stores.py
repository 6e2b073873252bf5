"""Chooses the table of budgets from the settings, and builds the ledger of orders. Both are loaded when first used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from retouch.core.clock import Clock, SystemClock
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.orders.charges import Charge, Ledger
from retouch.orders.stores import OrderStores

if TYPE_CHECKING:
    from retouch.gateway.rates.rate_limiter import RateLimiter
    from retouch.tenants.budget_table import BudgetTable
    from retouch.tenants.rates import RateTable
    from retouch.webhooks.services import WebhookServices

    LoadWebhooks = Callable[[], WebhookServices | None]


def budget_table_opener(settings: Settings, aws: AwsClients) -> Callable[[], BudgetTable] | None:
    """Return a function that opens the table that the settings name, or None when they name none."""

    @cache
    def open_table() -> BudgetTable:
        if settings.budgets_table:
            from retouch.infrastructure.aws.budget_table import BudgetDynamoTable

            return BudgetDynamoTable(settings.budgets_table, aws)
        from retouch.infrastructure.local.budget_folder import BudgetFolderTable

        return BudgetFolderTable(settings.orders_folder)

    return open_table if settings.budgets_table or settings.orders_folder else None


def rate_limiter_opener(
    settings: Settings, aws: AwsClients, clock: Clock
) -> Callable[[], RateLimiter] | None:
    """Return a function that opens what counts requests, or None when the settings name no table."""

    @cache
    def open_limiter() -> RateLimiter:
        from retouch.gateway.rates.rate_limiter import RateLimiter

        return RateLimiter(_open_rate_table(settings, aws), clock)

    return open_limiter if settings.budgets_table or settings.orders_folder else None


def _open_rate_table(settings: Settings, aws: AwsClients) -> RateTable:
    if settings.budgets_table:
        from retouch.infrastructure.aws.rate_table import RateDynamoTable

        return RateDynamoTable(settings.budgets_table, aws)
    from retouch.infrastructure.local.rate_folder import RateFolderTable

    return RateFolderTable(settings.orders_folder)


def add_ledger(
    orders: OrderStores | None,
    open_table: Callable[[], BudgetTable] | None,
    settings: Settings,
    aws: AwsClients,
    load_webhooks: LoadWebhooks = lambda: None,
) -> OrderStores | None:
    """Return the stores of orders with the ledger that settles their charges and tells thresholds to webhooks."""
    if orders is None or open_table is None:
        return orders
    open_ledger = cache(lambda: _open_ledger(open_table, settings, aws, load_webhooks))
    return replace(orders, ledger=_LazyLedger(open_ledger))


@frozen_dataclass
class _LazyLedger:
    """A ledger that is opened for the first charge. Most functions never have one."""

    open: Callable[[], Ledger]

    def settle(self, charge: Charge, scope: str) -> bool:
        """Turn a held amount into the actual one. Return False when it was settled before."""
        return self.open().settle(charge, scope)

    def restore(self, charge: Charge) -> None:
        """Turn an amount that was settled at risk back into a held one, if it is not held."""
        self.open().restore(charge)

    def return_hold(self, charge: Charge) -> bool:
        """Turn a held amount into a waiting one. Return False when there is neither."""
        return self.open().return_hold(charge)

    def release(self, charge: Charge) -> bool:
        """Remove the amount of a waiting job. Return False when the request of the job may still add it."""
        return self.open().release(charge)


def _open_ledger(
    open_table: Callable[[], BudgetTable],
    settings: Settings,
    aws: AwsClients,
    load_webhooks: LoadWebhooks,
) -> Ledger:
    from retouch.gateway.budgets.budget_ledger import BudgetLedger
    from retouch.infrastructure.telemetry.budget_notices import BudgetNotices

    publish = None
    if settings.event_bus:
        from retouch.infrastructure.aws.event_bus import EventBus

        publish = EventBus(settings.event_bus, aws).publish
    notices = BudgetNotices(settings.environment, publish, settings.stack_name)
    return BudgetLedger(open_table, notices, load_webhooks, SystemClock())
