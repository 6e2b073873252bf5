"""A mock of the AWS services that a deployed function calls: Secrets Manager, DynamoDB and S3, with minimal cost.

It knows every gateway key and stores nothing. The cost of a real service is not measured. The cost of the call is.
"""

import json

from bench.mock_server import MockRequest, MockResponse, http_response, run_server
from bench.targets import API_KEY

BUCKET = "bench"
SECRET_ID, PEPPER_SECRET_ID = "bench/provider-keys", "bench/pepper"
KEYS_TABLE, BREAKER_TABLE = "bench-keys", "bench-circuits"
ORDERS_TABLE, USAGE_TABLE = "bench-orders", "bench-usage"
PEPPER = "p" * 64
SECRET = {"OPENAI_API_KEY": API_KEY, "RETOUCH_PEPPER": PEPPER}
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
    return _json_response(_found_key(json.loads(request.body)) if operation == "GetItem" else {})


def _found_key(call: dict[str, object]) -> dict[str, object]:
    if call["TableName"] != KEYS_TABLE:
        return {}
    key = call["Key"]
    assert isinstance(key, dict), "DynamoDB requires a map"
    return {"Item": {**key, "name": {"S": "bench"}}}


def _json_response(value: dict[str, object]) -> bytes:
    return http_response(json.dumps(value).encode(), _AMZ_JSON)


if __name__ == "__main__":
    run_server(lambda _port: respond)
