"""The edits function. It builds its services and its handler once per cold start."""

import os

from retouch.api.handlers.edits import build_handler
from retouch.core.capabilities import collect_header_prefixes
from retouch.core.clock import SystemClock
from retouch.core.settings import Settings
from retouch.gateway.circuit_breaker import CircuitBreaker
from retouch.gateway.guardrails.types import GuardrailClients
from retouch.gateway.routing.saved_configs import SavedConfigs
from retouch.gateway.services import Services
from retouch.infrastructure.aws.api_key_table import ApiKeyTable
from retouch.infrastructure.aws.bedrock_guardrail import BedrockGuardrailClient
from retouch.infrastructure.aws.cache_bucket import CacheBucket
from retouch.infrastructure.aws.circuit_table import circuit_store
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.config_bucket import ConfigBucket
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.results_bucket import S3Bucket
from retouch.infrastructure.aws.secrets import SecretStore
from retouch.infrastructure.fetch.image_fetcher import ImageFetcher
from retouch.infrastructure.metric_dimensions import EditDimensions
from retouch.infrastructure.order_stores import order_stores
from retouch.infrastructure.telemetry import Telemetry
from retouch.infrastructure.upstream.http_client import ProviderHttpClient
from retouch.infrastructure.upstream.identity.providers import IdentityProviders
from retouch.planning.connection import reject_own_address
from retouch.planning.model_resolution import reject_unknown_models
from retouch.providers import PROVIDERS

settings = Settings.from_env(os.environ)
reject_own_address(PROVIDERS, settings)
reject_unknown_models(PROVIDERS, settings)
clock, aws_clients = SystemClock(), AwsClients(AwsEnvironment.from_env(os.environ))
secret_store = SecretStore(settings, clock, aws_clients)
telemetry = Telemetry(
    EditDimensions.from_providers(PROVIDERS, settings.metrics_by_model), os.environ
)
image_fetcher = ImageFetcher(settings, clock, aws_clients, telemetry.log_fetch)
services = Services(
    settings=settings,
    providers=PROVIDERS,
    header_prefixes=collect_header_prefixes(PROVIDERS),
    send=ProviderHttpClient(settings, clock, image_fetcher.fetch_result, IdentityProviders(clock)),
    bucket=S3Bucket(settings, aws_clients),
    fetch_image=image_fetcher.fetch_input,
    clock=clock,
    read_secrets=secret_store.read,
    find_key_name=ApiKeyTable(settings, clock, aws_clients),
    guardrail_clients=GuardrailClients(
        image_fetcher.call_webhook, BedrockGuardrailClient(aws_clients), clock
    ),
    breaker=CircuitBreaker(circuit_store(settings.breaker_table, clock, aws_clients), clock),
    cache=CacheBucket(settings, clock, aws_clients),
    load_config=SavedConfigs(ConfigBucket(settings, aws_clients).read, clock),
    orders=order_stores(settings, aws_clients),
)
handler = build_handler(services, secret_store.start_reading, telemetry)
