"""Every hostile body and picture over HTTP: the verdict, and nobody pays for a refusal."""

import http.client
from urllib.parse import urlsplit

import pytest

from tests.cases.multipart import body_bytes, cases, ours

# A header with a line break or beyond latin-1 cannot be sent by HTTP at all; the handler's test has it.
BODIES = [c for c in cases() if "event" not in c and c["id"] not in ("mp-020", "mp-021")]
READ_WELL = {
    "mask_full",
    "missing_required_parameter",
    "unknown_parameter",
    "empty_image_file",
    "unsupported_image_format",
    "invalid_value",
}


def post(gateway, body, headers):
    address = urlsplit(gateway.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    try:
        connection.request("POST", "/v1/images/edits", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def error_of(body):
    import json

    return json.loads(body)["error"]


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case["id"])
def test_body(case, gateway, upstream):
    headers = {
        "Content-Type": case["content_type"].encode(),
        "x-portkey-provider": "azure-openai",
        **case.get("request_headers", {}),
    }
    status, body = post(gateway, body_bytes(case["body"]), headers)
    if status == 200:
        assert case["expect"] != "error"
        assert len(upstream.calls) == 1
        return
    assert 400 <= status < 500
    assert upstream.calls == []
    code = error_of(body)["code"]
    if case["expect"] == "error":
        assert code in ours(case["errors_any_of"])
    elif case["expect"] == "parse":
        assert code in READ_WELL
    else:
        assert code in ours(case.get("errors_any_of", [])) | READ_WELL
