"""AWS Signature Version 4 in the Authorization header, in a URL and in a form.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson

from retouch.infrastructure.aws.environment import AwsEnvironment

_ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"  # S3 accepts this over TLS instead of the hash of the body.


def sign_request(
    method: str,
    endpoint: str,
    path: str,
    headers: Mapping[str, str],
    payload_hash: str,
    service: str,
    environment: AwsEnvironment,
    unix_time: float,
) -> dict[str, str]:
    """Return the headers of the signed request, with lower-case names and without Host.

    `path` follows the endpoint and is not encoded yet. The path of the endpoint itself is encoded. `payload_hash` is
    the SHA-256 of the body in hexadecimal, or UNSIGNED_PAYLOAD for S3. The signature is valid for 15 minutes around
    `unix_time`.
    """
    place, timestamp = urlsplit(endpoint), _timestamp(unix_time)
    signed = {name.lower(): value for name, value in headers.items()}
    signed |= {"host": place.netloc, "x-amz-date": timestamp}
    if service == "s3":
        signed["x-amz-content-sha256"] = payload_hash
    if environment.token:
        signed["x-amz-security-token"] = environment.token
    names = sorted(signed)
    signed_names = ";".join(names)
    canonical_headers = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in names)
    canonical_request = "\n".join(
        [method, place.path + encode_path(path), "", canonical_headers, signed_names, payload_hash]
    )
    scope = _scope(timestamp, service, environment)
    signature = _sign_canonical_request(canonical_request, timestamp, service, environment)
    signed["authorization"] = (
        f"{_ALGORITHM} Credential={environment.access_key}/{scope}, "
        f"SignedHeaders={signed_names}, Signature={signature}"
    )
    del signed["host"]
    return signed


def presign_url(
    endpoint: str, path: str, seconds: int, environment: AwsEnvironment, unix_time: float
) -> str:
    """Return the URL of a GET from S3 with the signature in its query. It is valid for `seconds` from `unix_time`.

    `path` follows the endpoint and is not encoded yet. The path of the endpoint itself is encoded.
    """
    place, timestamp = urlsplit(endpoint), _timestamp(unix_time)
    query = {
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{environment.access_key}/{_scope(timestamp, 's3', environment)}",
        "X-Amz-Date": timestamp,
        "X-Amz-Expires": str(seconds),
        **({"X-Amz-Security-Token": environment.token} if environment.token else {}),
        "X-Amz-SignedHeaders": "host",
    }
    encoded_path, text = (
        place.path + encode_path(path),
        urlencode(query, quote_via=quote, safe="-_.~"),
    )
    canonical_request = "\n".join(
        ["GET", encoded_path, text, f"host:{place.netloc}\n", "host", UNSIGNED_PAYLOAD]
    )
    signature = _sign_canonical_request(canonical_request, timestamp, "s3", environment)
    return f"{place.scheme}://{place.netloc}{encoded_path}?{text}&X-Amz-Signature={signature}"


def sign_form(
    conditions: Sequence[Any], seconds: int, environment: AwsEnvironment, unix_time: float
) -> dict[str, str]:
    """Return the fields that let a browser's form POST store an object in S3, for `seconds` from `unix_time`.

    S3 checks the conditions of the form. Source:
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html
    """
    timestamp = _timestamp(unix_time)
    fields = {
        "x-amz-algorithm": _ALGORITHM,
        "x-amz-credential": f"{environment.access_key}/{_scope(timestamp, 's3', environment)}",
        "x-amz-date": timestamp,
        **({"x-amz-security-token": environment.token} if environment.token else {}),
    }
    policy = {
        "expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_time + seconds)),
        "conditions": [*conditions, *({name: value} for name, value in fields.items())],
    }
    encoded = b64encode(orjson.dumps(policy)).decode()
    signature = _hmac(_signing_key(environment, timestamp[:8], "s3"), encoded).hex()
    return {**fields, "policy": encoded, "x-amz-signature": signature}


def encode_path(path: str) -> str:
    """Return the path as the signature and the request line need it. "/" stays."""
    return quote(path, safe="/-_.~") or "/"


def _timestamp(unix_time: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(unix_time))


def _scope(timestamp: str, service: str, environment: AwsEnvironment) -> str:
    return f"{timestamp[:8]}/{environment.region}/{service}/aws4_request"


def _sign_canonical_request(
    canonical_request: str, timestamp: str, service: str, environment: AwsEnvironment
) -> str:
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    text = f"{_ALGORITHM}\n{timestamp}\n{_scope(timestamp, service, environment)}\n{digest}"
    return _hmac(_signing_key(environment, timestamp[:8], service), text).hex()


def _signing_key(environment: AwsEnvironment, date: str, service: str) -> bytes:
    key = _hmac(f"AWS4{environment.secret_key}".encode(), date)
    for part in (environment.region, service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
