"""Lambda events as API Gateway sends them: REST proxy events with base64 bodies."""

import base64
import json
from types import SimpleNamespace

from requests_toolbelt import MultipartEncoder


def encode_multipart(fields):
    """Return (content type, body) of a multipart form.

    Each value is a text or (file name, bytes, content type). `fields` is a dict, or a list of pairs when a name
    occurs more than once.
    """
    pairs = list(fields.items()) if isinstance(fields, dict) else fields
    encoder = MultipartEncoder([(n, v if isinstance(v, tuple) else str(v)) for n, v in pairs])
    return encoder.content_type, encoder.to_string()


def proxy_event(content_type="", body=b"", headers=None, method="POST", path="/v1/images/edits"):
    all_headers = {"Content-Type": content_type, **(headers or {})}
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": all_headers,
        "multiValueHeaders": {name: [value] for name, value in all_headers.items()},
        "requestContext": {"requestId": "req-test", "stage": "test"},
        "body": base64.b64encode(body).decode() if body else None,
        "isBase64Encoded": bool(body),
    }


def form_event(fields, headers=None):
    content_type, body = encode_multipart(fields)
    return proxy_event(content_type, body, headers)


def json_event(values, headers=None):
    return proxy_event("application/json", json.dumps(values).encode(), headers)


def lambda_context(seconds=60.0):
    """Return a Lambda context whose remaining time is always `seconds`."""
    return SimpleNamespace(
        aws_request_id="invocation",
        function_name="edits",
        memory_limit_in_mb=1024,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:edits",
        get_remaining_time_in_millis=lambda: int(seconds * 1000),
    )
