"""The admin function in this process, with a folder of tenants and a clock that a test moves."""

import json
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs

import jsonschema

from retouch.api import admin
from retouch.api.admin.request import AdminServices
from retouch.api.handlers.admin import build_handler
from retouch.api.router import path_pattern
from retouch.core.capabilities import collect_header_prefixes
from retouch.core.settings import Settings
from retouch.gateway.authentication import key_digest
from retouch.infrastructure.local.tenant_folder import SecretFolder, TenantFolderTable
from retouch.providers import PROVIDERS
from retouch.tenants.new_keys import store_organisation_key
from retouch.tenants.reader import TenantReader
from retouch.tenants.table import TenantStores
from tests.support.dynamodb import table_definition
from tests.support.events import lambda_context, proxy_event
from tests.support.gateway_client import send_event, telemetry
from tests.support.services import FakeClock, build_services
from tests.support.usage import InMemoryDocuments

CONTRACT = json.loads((Path(admin.__file__).parent / "openapi.json").read_text())
PEPPER = "pepper"
ADMIN_KEY = "rt_" + "A" * 43
TABLE = "tenants"
TABLE_DEFINITION = table_definition(TABLE, "pk", "sk")


def _check_response(method, path, status, document):
    """Check a response against the contract, if the contract has the route."""
    for template, methods in CONTRACT["paths"].items():
        if method.lower() in methods and path_pattern(template).fullmatch(path):
            break
    else:
        return
    responses = methods[method.lower()]["responses"]
    found = responses.get(str(status)) or CONTRACT["components"]["responses"]["Failed"]
    schema = found["content"]["application/json"]["schema"]
    jsonschema.validate(document, {**schema, "components": CONTRACT["components"]})


class AdminApi:
    """The admin function and, with the same tenants, the edits function."""

    def __init__(self, folder, env=None, **service_options):
        self.clock, self.folder = FakeClock(), folder
        self.stores = TenantStores(TenantFolderTable(str(folder)), SecretFolder(str(folder)))
        self._secrets = {"RETOUCH_PEPPER": PEPPER, **service_options.pop("secrets", {})}
        store_organisation_key(
            self.stores.table, "admin", key_digest(ADMIN_KEY, PEPPER), self.clock.unix_time()
        )
        self.services = AdminServices(
            settings=Settings.from_env({}),
            clock=self.clock,
            providers=PROVIDERS,
            header_prefixes=collect_header_prefixes(PROVIDERS),
            read_secrets=lambda: self._secrets,
            find_key=TenantReader(self.stores, self.clock).find_key,
            tenants=self.stores,
            usage=service_options.pop("usage_store", None),
            documents=InMemoryDocuments(),
            queue=service_options.pop("queue", None),
        )
        self.edit_services = build_services(
            {"RETOUCH_AUTH_MODE": "keys", **(env or {})},
            clock=self.clock,
            secrets=self._secrets,
            tenants=TenantReader(self.stores, self.clock),
            **service_options,
        )

    def call(self, method, path, body=None, key=ADMIN_KEY, headers=None):
        """Return the answer of the admin function: .status, .headers, .json and .text."""
        path, _, query = path.partition("?")
        data = b"" if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {key}", **(headers or {})}
        event = proxy_event("application/json", data, sent, method, path)
        values = parse_qs(query, keep_blank_values=True)
        event["queryStringParameters"] = {name: texts[-1] for name, texts in values.items()} or None
        event["multiValueQueryStringParameters"] = values or None
        response = build_handler(self.services, lambda: None, telemetry())(event, lambda_context())
        names = {name.lower(): values[0] for name, values in response["multiValueHeaders"].items()}
        text = response["body"].decode()
        _check_response(method, path, response["statusCode"], json.loads(text))
        return SimpleNamespace(
            status=response["statusCode"], headers=names, text=text, json=json.loads(text or "{}")
        )

    def send(self, event, key):
        """Return the answer of the edits function to an event with this key."""
        event["headers"]["Authorization"] = f"Bearer {key}"
        event["multiValueHeaders"] = {}
        return send_event(event, services=self.edit_services)

    def models_status(self, key):
        """Return the status that a key gets from the edits function for a route that every key may use."""
        return self.send(proxy_event(method="GET", path="/v1/models"), key).status

    def workspace(self, slug="acme", **fields):
        """Create a workspace and return its id."""
        answer = self.call("POST", "/v1/admin/workspaces", {"name": slug, "slug": slug, **fields})
        assert answer.status == 200, answer.text
        return answer.json["id"]

    def key(self, workspace_id, by=ADMIN_KEY, kind="workspace/service", **fields):
        """Create a key and return (id, key)."""
        body = {"name": "shop", "workspace_id": workspace_id, **fields}
        answer = self.call("POST", f"/v1/api-keys/{kind}", body, key=by)
        assert answer.status == 200, answer.text
        return answer.json["id"], answer.json["key"]
