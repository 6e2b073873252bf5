"""Services for tests: the real HTTP client on real sockets, a fake clock, and storage in memory."""

from datetime import UTC, date, datetime, time

from retouch.core.capabilities import collect_header_prefixes
from retouch.core.credentials.upload_ids import make_upload_id
from retouch.core.settings import Settings
from retouch.gateway.circuit_breaker import CircuitBreaker
from retouch.gateway.circuit_store import InMemoryCircuitStore
from retouch.gateway.guardrails.types import GuardrailClients
from retouch.gateway.rates.poll_limiter import PollLimiter
from retouch.gateway.routing.saved_configs import SavedConfigs
from retouch.gateway.services import Services
from retouch.infrastructure.aws.bedrock_guardrail import BedrockGuardrailClient
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.fetch.image_fetcher import ImageFetcher
from retouch.infrastructure.upstream.http_client import ProviderHttpClient
from retouch.infrastructure.upstream.identity.providers import IdentityProviders
from retouch.providers import PROVIDERS
from retouch.tenants.keys import plain_key

_START_SECONDS = 1000.0  # any value: only differences have a meaning


class FakeClock:
    """A virtual clock. Time passes only when a caller sleeps. It records each sleep and returns at once."""

    def __init__(self, today=date(2026, 11, 22), fraction=0.5):
        self.fraction = fraction
        self.sleeps = []
        self._today = today
        self.elapsed_seconds = 0.0

    def now(self):
        return _START_SECONDS + self.elapsed_seconds

    def unix_time(self):
        midnight = datetime.combine(self._today, time(), UTC)
        return int(midnight.timestamp() + self.elapsed_seconds)

    def today(self):
        return self._today

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.advance(seconds)

    def advance(self, seconds):
        self.elapsed_seconds += seconds

    def random_fraction(self):
        return self.fraction


class InMemoryObjectStore:
    """An object store in memory."""

    def __init__(self):
        self.objects = {}

    def put(self, data, format, folder="results"):
        key = f"{folder}/{len(self.objects)}.{format}"
        self.objects[f"https://results.example/{key}"] = data
        return key

    def sign(self, key, seconds):
        return f"https://results.example/{key}"

    def read_result(self, key):
        return self.objects.get(f"https://results.example/{key}")

    def read_upload(self, upload_id):
        return self.objects.get(upload_id)

    def read_object(self, name):
        key = name.partition("/")[2]
        return self.objects.get(name) or self.objects.get(f"https://results.example/{key}")

    def create_upload(self, content_type, owner, max_bytes):
        return make_upload_id(owner, "0" * 16), {"url": "https://bucket.example/", "fields": {}}

    def check_access(self):
        pass


class InMemoryCache(dict[str, bytes]):
    """A response cache in memory. Its entries never expire."""

    def get(self, key, max_age=None):
        return super().get(key)

    def put(self, key, data, max_age):
        self[key] = data


def build_http_client(settings, clock):
    """Return the real provider HTTP client with the real URL guard for result downloads."""
    return ProviderHttpClient(
        settings,
        clock,
        ImageFetcher(settings, clock, AwsClients(), print).fetch_result,
        IdentityProviders(clock),
    )


def find_key(keys, digest):
    """Return the key of a digest. A name stands for a key without limits in the default workspace."""
    key = keys.get(digest)
    return plain_key(key, digest) if isinstance(key, str) else key


def build_services(
    env=None,
    clock=None,
    bucket=None,
    secrets=None,
    keys=None,
    providers=PROVIDERS,
    configs=None,
    cache=None,
    breaker=None,
    orders=None,
    open_budgets=None,
    open_rates=None,
    jobs=None,
    webhooks=None,
    tenants=None,
    usage=None,
    load_exports=lambda: None,
):
    settings = Settings.from_env({"RETOUCH_AUTH_MODE": "open", **(env or {})})
    clock = clock or FakeClock()
    return Services(
        settings=settings,
        providers=providers,
        header_prefixes=collect_header_prefixes(providers),
        send=build_http_client(settings, clock),
        bucket=bucket or InMemoryObjectStore(),
        poll_limiter=PollLimiter(clock),
        fetch_image=ImageFetcher(settings, clock, AwsClients(), print).fetch_input,
        clock=clock,
        read_secrets=lambda: secrets or {},
        find_key=tenants.find_key if tenants else lambda digest: find_key(keys or {}, digest),
        guardrail_clients=GuardrailClients(
            ImageFetcher(settings, clock, AwsClients(), print).call_webhook,
            BedrockGuardrailClient(AwsClients()),
            clock,
        ),
        breaker=breaker or CircuitBreaker(InMemoryCircuitStore(), clock),
        cache=InMemoryCache() if cache is None else cache,
        load_config=SavedConfigs((configs or {}).get, clock),
        orders=orders,
        open_budgets=open_budgets,
        open_rates=open_rates,
        jobs=jobs,
        tenants=tenants,
        usage=usage,
        load_exports=load_exports,
        load_webhooks=lambda: webhooks,
    )
