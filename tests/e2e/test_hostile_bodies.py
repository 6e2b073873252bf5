"""Tests of hostile request bodies over HTTP: each gets its verdict, and a rejected one causes no provider call."""

import http.client
from urllib.parse import urlsplit

import pytest

from tests.cases.multipart import body_bytes, cases, matching_codes

# HTTP cannot send a header with a line break or with characters beyond latin-1. The handler's tests cover these cases.
BODIES = [c for c in cases() if "event" not in c and c["id"] not in ("mp-020", "mp-021")]
VALID_BODY_CODES = {
    "mask_full",
    "missing_required_parameter",
    "unknown_parameter",
    "empty_image_file",
    "unsupported_image_format",
    "invalid_value",
}


def post_body(gateway, body, headers):
    address = urlsplit(gateway.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    try:
        connection.request("POST", "/v1/images/edits", body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def parse_error(body):
    import json

    return json.loads(body)["error"]


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case["id"])
def test_hostile_body_gets_its_verdict_without_billing_refusals(case, gateway, upstream):
    headers = {
        "Content-Type": case["content_type"].encode(),
        "x-portkey-provider": "azure-openai",
        **case.get("request_headers", {}),
    }
    status, body = post_body(gateway, body_bytes(case["body"]), headers)
    if status == 200:
        assert case["expect"] != "error"
        assert len(upstream.calls) == 1
        return
    assert 400 <= status < 500
    assert upstream.calls == []
    code = parse_error(body)["code"]
    if case["expect"] == "error":
        assert code in matching_codes(case["errors_any_of"])
    elif case["expect"] == "parse":
        assert code in VALID_BODY_CODES
    else:
        assert code in matching_codes(case.get("errors_any_of", [])) | VALID_BODY_CODES
