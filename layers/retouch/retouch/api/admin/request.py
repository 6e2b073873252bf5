"""A request at a route of the admin API, and what its endpoints use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

import orjson

from retouch.core.capabilities import Provider
from retouch.core.clock import Clock
from retouch.core.edit_types import HttpRequest
from retouch.core.errors import InvalidRequest, NotFound
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.settings import Settings
from retouch.gateway.authentication import KeyLookup
from retouch.gateway.rates.rate_limiter import RateLimiter
from retouch.orders.jobs import EditsQueue
from retouch.orders.stores import OrderStores
from retouch.tenants.budget_table import BudgetTable
from retouch.tenants.keys import GatewayKey
from retouch.tenants.scopes import require_scope
from retouch.tenants.table import TenantStores
from retouch.usage.cost_basis import CostBasis
from retouch.usage.documents import DocumentStore
from retouch.usage.stores import UsageStore


@frozen_dataclass
class AdminServices:
    """What the endpoints use. The function's entry point builds it once per cold start."""

    settings: Settings
    clock: Clock
    providers: tuple[Provider, ...]
    header_prefixes: tuple[str, ...]
    read_secrets: Callable[[], Mapping[str, str]]
    find_key: KeyLookup
    tenants: TenantStores
    usage: UsageStore | None = None  # None: the gateway writes no usage events
    documents: DocumentStore | None = None  # feedback and exports; None: as above
    queue: EditsQueue | None = None  # its workers write exports; None: there is none
    orders: OrderStores | None = None  # None: there is no table of orders
    open_rates: Callable[[], RateLimiter] | None = None  # None: nothing limits the writes of logs
    open_budgets: Callable[[], BudgetTable] | None = None  # None: there is no table of budgets


@frozen_dataclass
class AdminRequest:
    """A request of an authenticated key."""

    http_request: HttpRequest
    path_values: Mapping[str, str]  # the variables of the route's path
    query: Mapping[str, str]
    request_id: str
    key: GatewayKey
    pepper: str
    query_values: Mapping[str, Sequence[str]] = field(default_factory=dict)  # all of each name

    @property
    def is_of_organisation(self) -> bool:
        """Whether the key may see every workspace."""
        return self.key.type == "organisation"

    @property
    def cost_basis(self) -> CostBasis:
        """What the key sees as the cost of edits."""
        return "cost" if self.key.own_price is None else "price"

    def query_list(self, name: str) -> Sequence[str]:
        """Return every value of a parameter of the query."""
        return self.query_values.get(name, ())

    def require_scope(self, *scopes: str) -> None:
        """Raise InsufficientScope when the key has none of these scopes."""
        if self.key.scopes.isdisjoint(scopes):
            require_scope(self.key.scopes, scopes[0])

    def can_see(self, workspace_id: str) -> bool:
        """Return whether the key may see what belongs to this workspace."""
        return self.is_of_organisation or self.key.workspace.id == workspace_id

    def body(self) -> dict[str, Any]:
        """Return the JSON object in the body. Raises InvalidRequest."""
        try:
            values = orjson.loads(self.http_request.body or b"{}")
        except ValueError:
            values = None
        if not isinstance(values, dict):
            raise InvalidRequest("The body must be a JSON object.", code="invalid_json")
        return values

    def objects(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the JSON objects in the body, which is one or a list of them. Raises InvalidRequest."""
        try:
            values = orjson.loads(self.http_request.body or b"null")
        except ValueError:
            values = None
        objects = values if isinstance(values, list) else [values]
        if not objects or not all(isinstance(one, dict) for one in objects):
            raise InvalidRequest(
                f"The body must be a {kind}, or a list of them, as JSON.", code="invalid_json"
            )
        return objects

    def body_digest(self) -> str:
        """Return a digest that tells bodies apart."""
        return hashlib.sha256(self.http_request.body).hexdigest()


AdminResponse = tuple[int, Mapping[str, Any]]  # the status and the body
AdminEndpoint = Callable[[AdminRequest, AdminServices], AdminResponse]


def not_found(kind: str, identifier: str) -> NotFound:
    """Return the error for what does not exist, and equally for what belongs to another workspace."""
    return NotFound(
        f"There is no {kind} '{identifier[:64]}' that this key may see. Check the id, or list them."
    )


def list_document(items: Sequence[Mapping[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """Return one page of a list, with `page_size` and `current_page` of the query. The first page is 0."""
    size = _read_number(query, "page_size", 100, 1, 500)
    page = _read_number(query, "current_page", 0, 0, 1_000_000)
    data = items[page * size : (page + 1) * size]
    return {"object": "list", "success": True, "total": len(items), "data": data}


def _read_number(
    query: Mapping[str, str], name: str, default: int, minimum: int, maximum: int
) -> int:
    camel_name = name.partition("_")[0] + name.partition("_")[2].title()  # Portkey has both
    text = query.get(name) or query.get(camel_name) or str(default)
    if text.isascii() and text.isdigit() and len(text) < 8 and minimum <= int(text) <= maximum:
        return int(text)
    raise InvalidRequest(
        f"'{name}' must be a whole number from {minimum} to {maximum}.", param=name
    )


def resource_document(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return one resource as Portkey's SDKs and its API reference have it: as fields, and below `data`."""
    return {**fields, "object": kind, "success": True, "data": {**fields, "object": kind}}
