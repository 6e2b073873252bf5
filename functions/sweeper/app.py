"""The sweeper function. A schedule invokes it."""

import os
from functools import cache

from retouch.api.handlers.sweeper import build_handler
from retouch.core.clock import SystemClock
from retouch.core.settings import Settings
from retouch.gateway.metering.order_usage import add_usage
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.stores.budget_stores import add_ledger, budget_table_opener
from retouch.infrastructure.stores.order_stores import batch_stores, job_stores, order_stores
from retouch.infrastructure.stores.usage_stores import usage_recorder
from retouch.infrastructure.stores.webhook_stores import webhook_services
from retouch.infrastructure.telemetry.telemetry import SweeperTelemetry

settings = Settings.from_env(os.environ)
aws_clients = AwsClients(AwsEnvironment.from_env(os.environ))
open_budgets = budget_table_opener(settings, aws_clients)
clock, telemetry = SystemClock(), SweeperTelemetry(os.environ)
load_webhooks = cache(lambda: webhook_services(settings, clock, aws_clients, telemetry.log_fetch))
orders = add_ledger(
    order_stores(settings, aws_clients), open_budgets, settings, aws_clients, load_webhooks
)
orders = add_usage(orders, usage_recorder(settings, aws_clients))
jobs = job_stores(settings, orders, aws_clients)
handler = build_handler(
    orders,
    jobs.queue if jobs else None,
    batch_stores(settings, jobs, aws_clients),
    clock,
    telemetry,
    load_webhooks,
)
