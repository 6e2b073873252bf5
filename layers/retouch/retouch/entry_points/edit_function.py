"""The parts of the functions that make edits, put together once per cold start.

Only this package and `functions/` connect the gateway with the providers and the IO.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from retouch.api.handlers.edits import Handler
from retouch.core.capabilities import collect_header_prefixes
from retouch.core.clock import Clock, SystemClock
from retouch.core.settings import Settings
from retouch.gateway.circuit_breaker import CircuitBreaker
from retouch.gateway.guardrails.types import GuardrailClients
from retouch.gateway.rates.poll_limiter import PollLimiter
from retouch.gateway.routing.saved_configs import SavedConfigs
from retouch.gateway.services import Services
from retouch.infrastructure.aws.bedrock_guardrail import BedrockGuardrailClient
from retouch.infrastructure.aws.cache_bucket import CacheBucket
from retouch.infrastructure.aws.circuit_table import circuit_store
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.config_bucket import ConfigBucket
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.results_bucket import ResultsBucket
from retouch.infrastructure.aws.secrets import SecretStore
from retouch.infrastructure.fetch.image_fetcher import ImageFetcher
from retouch.infrastructure.stores.budget_stores import (
    add_ledger,
    budget_table_opener,
    rate_limiter_opener,
)
from retouch.infrastructure.stores.key_lookup import key_lookup
from retouch.infrastructure.stores.order_stores import batch_stores, job_stores, order_stores
from retouch.infrastructure.stores.tenant_stores import tenant_stores
from retouch.infrastructure.stores.usage_stores import export_ports, usage_recorder
from retouch.infrastructure.stores.webhook_stores import webhook_services
from retouch.infrastructure.telemetry.metric_dimensions import EditDimensions
from retouch.infrastructure.telemetry.telemetry import EditTelemetry
from retouch.infrastructure.upstream.http_client import ProviderHttpClient
from retouch.infrastructure.upstream.identity.providers import IdentityProviders
from retouch.planning.connection import reject_own_address
from retouch.planning.model_resolution import reject_unknown_models
from retouch.providers import PROVIDERS
from retouch.tenants.reader import TenantReader

if TYPE_CHECKING:
    from retouch.orders.jobs import JobStores
    from retouch.orders.stores import OrderStores
    from retouch.tenants.budget_table import BudgetTable
    from retouch.webhooks.services import WebhookServices

BuildHandler = Callable[[Services, Callable[[], None], EditTelemetry], Handler]


class _Stores(NamedTuple):
    """The stores that several services use."""

    tenants: TenantReader | None
    orders: OrderStores | None
    jobs: JobStores | None
    open_budgets: Callable[[], BudgetTable] | None
    load_webhooks: Callable[[], WebhookServices | None]


def build_function(build_handler: BuildHandler, environment: Mapping[str, str]) -> Handler:
    """Return the handler of a function that makes edits, with everything that it needs."""
    settings = Settings.from_env(environment)
    reject_own_address(PROVIDERS, settings)
    reject_unknown_models(PROVIDERS, settings)
    clock, aws_clients = SystemClock(), AwsClients(AwsEnvironment.from_env(environment))
    secret_store = SecretStore(settings, clock, aws_clients)
    telemetry = EditTelemetry(
        EditDimensions.from_providers(PROVIDERS, settings.metrics_by_model), environment
    )
    stores = _build_stores(settings, clock, aws_clients, telemetry)
    services = _build_services(settings, clock, aws_clients, secret_store, telemetry, stores)
    return build_handler(services, secret_store.start_reading, telemetry)


def _build_stores(
    settings: Settings, clock: Clock, aws_clients: AwsClients, telemetry: EditTelemetry
) -> _Stores:
    open_budgets = budget_table_opener(settings, aws_clients)
    load_webhooks = cache(
        lambda: webhook_services(settings, clock, aws_clients, telemetry.log_fetch)
    )
    orders = add_ledger(
        order_stores(settings, aws_clients), open_budgets, settings, aws_clients, load_webhooks
    )
    tenants = tenant_stores(settings, aws_clients)
    return _Stores(
        TenantReader(tenants, clock) if tenants else None,
        orders,
        job_stores(settings, orders, aws_clients),
        open_budgets,
        load_webhooks,
    )


def _build_services(
    settings: Settings,
    clock: Clock,
    aws_clients: AwsClients,
    secret_store: SecretStore,
    telemetry: EditTelemetry,
    stores: _Stores,
) -> Services:
    image_fetcher = ImageFetcher(settings, clock, aws_clients, telemetry.log_fetch)
    return Services(
        settings=settings,
        providers=PROVIDERS,
        header_prefixes=collect_header_prefixes(PROVIDERS),
        send=ProviderHttpClient(
            settings, clock, image_fetcher.fetch_result, IdentityProviders(clock)
        ),
        bucket=ResultsBucket(settings, aws_clients),
        fetch_image=image_fetcher.fetch_input,
        clock=clock,
        read_secrets=secret_store.read,
        find_key=key_lookup(settings, clock, aws_clients, stores.tenants),
        guardrail_clients=GuardrailClients(
            image_fetcher.call_webhook, BedrockGuardrailClient(aws_clients), clock
        ),
        breaker=CircuitBreaker(circuit_store(settings.breaker_table, clock, aws_clients), clock),
        cache=CacheBucket(settings, clock, aws_clients),
        load_config=SavedConfigs(ConfigBucket(settings, aws_clients).read, clock),
        orders=stores.orders,
        open_budgets=stores.open_budgets,
        open_rates=rate_limiter_opener(settings, aws_clients, clock),
        jobs=stores.jobs,
        load_batches=cache(lambda: batch_stores(settings, stores.jobs, aws_clients)),
        tenants=stores.tenants,
        usage=usage_recorder(settings, aws_clients),
        load_exports=lambda: export_ports(settings, aws_clients, clock),
        poll_limiter=PollLimiter(clock),
        load_webhooks=stores.load_webhooks,
    )
