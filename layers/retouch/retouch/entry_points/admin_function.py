"""The parts of the admin function, put together once per cold start."""

from __future__ import annotations

from collections.abc import Mapping

from retouch.api.admin.request import AdminServices
from retouch.api.handlers.admin import build_handler
from retouch.api.handlers.edits import Handler
from retouch.core.capabilities import collect_header_prefixes
from retouch.core.clock import SystemClock
from retouch.core.settings import InvalidSetting, Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.secrets import SecretStore
from retouch.infrastructure.stores.budget_stores import (
    add_ledger,
    budget_table_opener,
    rate_limiter_opener,
)
from retouch.infrastructure.stores.key_lookup import key_lookup
from retouch.infrastructure.stores.order_stores import order_stores
from retouch.infrastructure.stores.tenant_stores import tenant_stores
from retouch.infrastructure.stores.usage_stores import export_queue, usage_documents, usage_store
from retouch.infrastructure.telemetry.metric_dimensions import EditDimensions
from retouch.infrastructure.telemetry.telemetry import EditTelemetry
from retouch.providers import PROVIDERS
from retouch.tenants.reader import TenantReader


def build_function(environment: Mapping[str, str]) -> Handler:
    """Return the handler of the admin function. Raises InvalidSetting without a table of tenants."""
    settings = Settings.from_env(environment)
    clock, aws_clients = SystemClock(), AwsClients(AwsEnvironment.from_env(environment))
    tenants = tenant_stores(settings, aws_clients)
    if tenants is None:
        raise InvalidSetting("The admin function needs a table: set RETOUCH_TENANTS_TABLE.")
    open_budgets = budget_table_opener(settings, aws_clients)
    secret_store = SecretStore(settings, clock, aws_clients)
    services = AdminServices(
        settings=settings,
        clock=clock,
        providers=PROVIDERS,
        header_prefixes=collect_header_prefixes(PROVIDERS),
        read_secrets=secret_store.read,
        find_key=key_lookup(settings, clock, aws_clients, TenantReader(tenants, clock)),
        tenants=tenants,
        orders=add_ledger(order_stores(settings, aws_clients), open_budgets, settings, aws_clients),
        open_budgets=open_budgets,
        open_rates=rate_limiter_opener(settings, aws_clients, clock),
        usage=usage_store(settings, aws_clients),
        documents=usage_documents(settings, aws_clients, clock),
        queue=export_queue(settings, aws_clients),
    )
    telemetry = EditTelemetry(EditDimensions.from_providers(PROVIDERS, by_model=False), environment)
    return build_handler(services, secret_store.start_reading, telemetry)
