"""Tests of the OpenAPI document of the admin API. Other tests check their responses against it in `AdminApi.call`."""

from openapi_spec_validator import validate

from retouch.api.admin.routes import ADMIN_ROUTES
from retouch.tenants.scopes import ALL_SCOPES
from tests.support.tenants import CONTRACT, AdminApi


def test_contract_is_valid_and_lists_every_route():
    validate(CONTRACT)
    listed = {
        (method.upper(), path) for path, methods in CONTRACT["paths"].items() for method in methods
    }
    assert listed == set(ADMIN_ROUTES)
    assert set(CONTRACT["components"]["schemas"]["Scope"]["enum"]) == ALL_SCOPES


def test_every_key_reads_the_contract(tmp_path):
    api = AdminApi(tmp_path)
    _, key = api.key(api.workspace("acme"))
    assert api.call("GET", "/v1/admin/openapi.json", key=key).json == CONTRACT
