"""A gateway with one limited key, one provider, and orders, budgets and rates in memory."""

from contextlib import contextmanager
from dataclasses import replace

from retouch.gateway.budgets.budget_ledger import BudgetLedger
from retouch.gateway.rates.rate_limiter import RateLimiter
from retouch.orders.stores import OrderStores
from retouch.orders.sweeper import sweep
from retouch.tenants.budget_rows import BudgetRow
from retouch.tenants.keys import GatewayKey, VirtualKeyRecord, Workspace
from retouch.tenants.limits import UsageLimit, WorkspacePrice
from tests.support.budgets import InMemoryBudgets, InMemoryRates, RecordedNotices
from tests.support.events import form_event, proxy_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import b64, photo
from tests.support.orders import InMemoryOrders
from tests.support.services import FakeClock, build_services
from tests.support.upstream import Upstream, json_response

KEY = "rt_" + "a" * 43
IMAGE = photo(64, 64)
# 30 micro-dollars an output token
USAGE = {"input_tokens": 0, "output_tokens": 1373, "total_tokens": 1373}
CENTS_20 = "openai/gpt-image-2=0.20"


def success(usage=USAGE, images=1):
    data = [{"b64_json": b64(IMAGE)}] * images
    return {"created": 1, "data": data, **({"usage": usage} if usage else {})}


class BudgetGateway:
    """A gateway with one key, one provider, and orders and budgets in memory."""

    def __init__(self, upstream, key, clock=None, **env):
        self.upstream, self.key, self.clock = upstream, key, clock or FakeClock()
        self.rates = InMemoryRates()
        self.limiter = RateLimiter(self.rates, self.clock)
        self.virtual_keys: dict[str, VirtualKeyRecord] = {}
        self.orders, self.budgets, self.notices = (
            InMemoryOrders(),
            InMemoryBudgets(),
            RecordedNotices(),
        )
        ledger = BudgetLedger(lambda: self.budgets, self.notices, clock=self.clock)
        self.stores = OrderStores(self.orders, self.orders, ledger=ledger)
        self.services = build_services(
            {
                "RETOUCH_AUTH_MODE": "keys",
                "RETOUCH_PEPPER": "p",
                "OPENAI_API_KEY": "k",
                "OPENAI_BASE_URL": upstream.url,
                "RETOUCH_CEILINGS": CENTS_20,
                **env,
            },
            self.clock,
            keys=AnyKey(self),
            orders=self.stores,
            open_budgets=lambda: self.budgets,
            open_rates=lambda: self.limiter,
        )
        self.services = replace(self.services, tenants=Tenants(self))

    def edit(self, headers=None, seconds=60.0, **fields):
        form = {"model": "openai/gpt-image-2", "prompt": "p", "image": file_part(IMAGE), **fields}
        event = form_event(form, {"authorization": f"Bearer {KEY}", **(headers or {})})
        return send_event(event, services=self.services, seconds=seconds)

    def use(self, budgets, stores):
        """Use another table of budgets and other stores of orders."""
        self.stores = stores
        self.services = replace(self.services, open_budgets=lambda: budgets, orders=stores)

    def quota(self):
        event = proxy_event(
            headers={"authorization": f"Bearer {KEY}"}, method="GET", path="/v1/quota"
        )
        response = send_event(event, services=self.services)
        assert response.status == 200, response.json
        return response.json

    @property
    def ceilings(self) -> dict[str, int]:
        ceilings = self.services.settings.ceilings
        assert isinstance(ceilings, dict)
        return ceilings

    def row(self, account="key#k_1", period="all"):
        return self.budgets.rows.get((account, period), BudgetRow())

    def sweep(self):
        sweep(self.stores, None, self.clock.unix_time())


class AnyKey(dict[str, GatewayKey]):
    """Finds the key of the gateway under every digest."""

    def __init__(self, gateway):
        super().__init__()
        self._gateway = gateway

    def __bool__(self):
        return True

    def get(self, digest, default=None):
        return self._gateway.key


def make_key(limit=500_000, workspace_limit=None, price=None, workspace_rates=(), **fields):
    def limits(amount):
        return () if amount is None else (UsageLimit("cost", amount),)

    workspace = Workspace(
        id="w_1",
        slug="one",
        name="one",
        usage_limits=limits(workspace_limit),
        price=price or WorkspacePrice(),
        rate_limits=workspace_rates,
    )
    return GatewayKey(
        id="k_1", name="one", workspace=workspace, usage_limits=limits(limit), **fields
    )


@contextmanager
def run_gateway(key=None, body=None, **env):
    with Upstream(json_response(body or success())) as upstream:
        yield BudgetGateway(upstream, key or make_key(), **env)


class Tenants:
    """The key of the gateway, and the virtual keys of its workspace by their slug."""

    def __init__(self, gateway):
        self._gateway = gateway

    def find_key_by_id(self, key_id):
        return self._gateway.key

    def find_virtual_key(self, workspace_id, slug):
        return self._gateway.virtual_keys.get(slug)

    def read_secret(self, record):
        return f"sk-{record.slug}"

    def find_config(self, workspace_id, slug):
        return None


def make_virtual_key(slug, usage_limits=(), rate_limits=()):
    return VirtualKeyRecord(
        slug=slug,
        workspace_id="w_1",
        name=slug,
        provider="openai",
        usage_limits=usage_limits,
        rate_limits=rate_limits,
    )
