"""A mock of the AWS services that a deployed function calls: Secrets Manager, DynamoDB and S3, with minimal cost.

It knows every gateway key and stores nothing. One key has a budget, of which nothing is ever spent. The cost of a real
service is not measured. The cost of the call is.
"""

import json

from bench.mock_server import MockRequest, MockResponse, http_response, run_server
from bench.targets import API_KEY, BUDGET_KEY
from retouch.gateway.authentication import key_digest
from retouch.tenants.keys import DEFAULT_WORKSPACE, GatewayKey
from retouch.tenants.limits import UsageLimit
from retouch.tenants.rows import digest_row, key_row

BUCKET = "bench"
SECRET_ID, PEPPER_SECRET_ID = "bench/provider-keys", "bench/pepper"
KEYS_TABLE, BREAKER_TABLE, TENANTS_TABLE = "bench-keys", "bench-circuits", "bench-tenants"
ORDERS_TABLE, BUDGETS_TABLE, USAGE_TABLE = "bench-orders", "bench-budgets", "bench-usage"
PEPPER = "p" * 64
SECRET = {"OPENAI_API_KEY": API_KEY, "RETOUCH_PEPPER": PEPPER}
_LIMIT = UsageLimit(type="cost", credit_limit=10**12, periodic_reset="monthly")
_KEY_WITH_BUDGET = GatewayKey(
    id="k_bench", name="bench", workspace=DEFAULT_WORKSPACE, usage_limits=(_LIMIT,)
)
_TENANT_ROWS = {
    (row.partition, row.name): row.record
    for row in (
        digest_row(key_digest(BUDGET_KEY, PEPPER), _KEY_WITH_BUDGET.id),
        key_row(_KEY_WITH_BUDGET),
    )
}
_BUDGET_ROW = {
    **{name: {"N": "0"} for name in ("taken", "spent", "at_risk")},
    "holds": {"M": {}},
    "waiting": {"M": {}},
}
_AMZ_JSON = "application/x-amz-json-1.0"
_STORED = http_response(
    b"", "application/xml", headers='ETag: "00000000000000000000000000000000"\r\n'
)


def respond(request: MockRequest) -> MockResponse:
    """Return the response to one call of a service."""
    return MockResponse(_response_bytes(request))


def _response_bytes(request: MockRequest) -> bytes:
    # S3 calls have no operation header.
    if not request.operation:
        return _STORED
    operation = request.operation.rsplit(".", 1)[-1]
    if operation == "GetSecretValue":
        return _json_response({"SecretString": json.dumps(SECRET)})
    call = json.loads(request.body)
    if operation == "GetItem":
        item = _find_item(call["TableName"], call["Key"])
        return _json_response({"Item": item} if item else {})
    is_budget = operation == "UpdateItem" and call["TableName"] == BUDGETS_TABLE
    return _json_response({"Attributes": _BUDGET_ROW} if is_budget else {})


def _find_item(table: str, key: dict[str, dict[str, str]]) -> dict[str, object] | None:
    if table == KEYS_TABLE:
        return {**key, "name": {"S": "bench"}}
    if table != TENANTS_TABLE:
        return None
    record = _TENANT_ROWS.get((key["pk"]["S"], key["sk"]["S"]))
    text = {"record": {"S": json.dumps(record)}, "version": {"S": "1"}}
    return {**key, **text} if record else None


def _json_response(value: dict[str, object]) -> bytes:
    return http_response(json.dumps(value).encode(), _AMZ_JSON)


if __name__ == "__main__":
    run_server(lambda _port: respond)
