"""The contract of the admin API: GET /v1/admin/openapi.json."""

from __future__ import annotations

from pathlib import Path

import orjson

from retouch.api.admin.request import AdminRequest, AdminResponse, AdminServices


def get_contract(_: AdminRequest, __: AdminServices) -> AdminResponse:
    """Return the OpenAPI document of the admin API. Every key may read it."""
    return 200, orjson.loads((Path(__file__).parent / "openapi.json").read_bytes())
