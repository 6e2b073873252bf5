"""The services that the gateway uses, and the context of one request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from retouch.core.capabilities import Provider
from retouch.core.clock import Clock
from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.edit_types import ParsedForm
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.portkey_types import PortkeyHeaders
from retouch.core.resolved_model import SendRequest
from retouch.core.settings import Settings
from retouch.gateway.authentication import KeyLookup, Principal
from retouch.gateway.cache import CacheStore as CacheStore
from retouch.gateway.circuit_breaker import CircuitBreaker
from retouch.gateway.fetch_inputs import InputStore
from retouch.gateway.guardrails.types import GuardrailClients
from retouch.gateway.orders.edit_order import EditOrder
from retouch.gateway.rates.poll_limiter import PollLimiter
from retouch.gateway.results.result_links import ResultStore
from retouch.orders.held_order import HeldOrder
from retouch.orders.jobs import JobStores
from retouch.orders.stores import OrderStores
from retouch.tenants.reader import TenantReader
from retouch.usage.recorder import UsageRecorder

if TYPE_CHECKING:
    from retouch.gateway.metering.usage_events import RequestMeter
    from retouch.gateway.rates.rate_limiter import RateLimiter
    from retouch.tenants.budget_table import BudgetTable
    from retouch.usage.exports import ExportPorts

if TYPE_CHECKING:
    from retouch.batches.stores import BatchStores
    from retouch.webhooks.services import WebhookServices


class ObjectStore(ResultStore, InputStore, Protocol):
    """The bucket of the stack."""

    def read_result(self, key: str) -> bytes | None:
        """Return a stored result of any size, or None when it is absent."""

    def create_upload(
        self, content_type: str, owner: str, max_bytes: int
    ) -> tuple[str, dict[str, Any]]:
        """Create an upload of the owner. Return its id, and the form ({"url", "fields"}) that S3 accepts for it."""

    def check_access(self) -> None:
        """Raise an exception when the bucket is not usable."""


@frozen_dataclass
class Services:
    """The services of the gateway. The function's entry point builds them once per cold start."""

    settings: Settings  # without the secret; a request uses `settings_with_secrets`
    providers: tuple[Provider, ...]
    header_prefixes: tuple[str, ...]  # the prefixes of the x-portkey- headers for providers
    send: SendRequest
    bucket: ObjectStore
    fetch_image: Callable[[str, float], bytes]  # (URL, deadline) -> image; raises FetchError
    clock: Clock
    read_secrets: Callable[[], Mapping[str, str]]  # a background task fetches them earlier
    find_key: KeyLookup
    guardrail_clients: GuardrailClients
    breaker: CircuitBreaker
    cache: CacheStore
    load_config: Callable[[str], Mapping[str, Any]]  # id -> saved config; raises InvalidConfig
    orders: OrderStores | None = None  # None: the gateway has no table of orders
    open_rates: Callable[[], RateLimiter] | None = None  # None: there is no table of rate limits
    open_budgets: Callable[[], BudgetTable] | None = None  # None: there is no table of budgets
    jobs: JobStores | None = None  # None: the gateway has no queue of edits
    tenants: TenantReader | None = None  # None: the gateway has no table of tenants
    usage: UsageRecorder | None = None  # None: the gateway writes no usage events
    poll_limiter: PollLimiter | None = None  # None: the state of a job may be asked for at any time
    # None: the gateway has no table of batches. A call loads the modules, which most functions never need.
    # What writes exports of usage, or None. Only a worker loads it.
    load_exports: Callable[[], ExportPorts | None] = lambda: None
    load_batches: Callable[[], BatchStores | None] = lambda: None
    # None: the gateway has no table of webhooks
    load_webhooks: Callable[[], WebhookServices | None] = lambda: None

    def settings_with_secrets(self) -> Settings:
        """Return the settings with the secret's variables. A request calls this once."""
        return self.settings.with_secrets(self.read_secrets())


@frozen_dataclass
class RequestContext:
    """One edit request of an authenticated caller, as received, and its deadline."""

    form: ParsedForm
    credentials: ClientCredentials
    request_id: str
    deadline: float  # of the function, as a value of the clock
    settings: Settings  # with the secrets
    principal: Principal
    max_silence: float = inf  # the longest pause in seconds that API Gateway and the client permit
    max_response_bytes: int | None = None  # None: no limit
    base_url: str = ""  # the gateway's own address, for links
    order: EditOrder | None = None  # None: no repetition can find this request
    job: HeldOrder | None = None  # the job, if a worker makes the edit
    is_plan_only: bool = (
        False  # end before the call: the request becomes a job if nothing refuses it
    )
    meter: RequestMeter | None = None  # None: nothing counts the edit
    result_folder: str = ""  # of the bucket, for results that are kept longer than others
    has_retrying_client: bool = False  # the client's SDK retries a refused call by itself
    is_portkey_client: bool = False  # the caller expects Portkey's statuses
    portkey: PortkeyHeaders = field(default_factory=PortkeyHeaders)

    @property
    def held_order(self) -> HeldOrder | None:
        """The order that this request holds."""
        return self.order.held if self.order else self.job

    @property
    def is_paid_for(self) -> bool:
        """Whether an earlier request has bought the edit, so that this one only fetches the result."""
        return self.held_order is not None and self.held_order.is_resumed
