"""AWS Signature Version 4 in the Authorization header.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from retouch.infrastructure.aws.environment import AwsEnvironment

_ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"  # S3 accepts this over TLS instead of the hash of the body.


def sign_request(
    method: str,
    url: str,
    headers: Mapping[str, str],
    payload_hash: str,
    service: str,
    environment: AwsEnvironment,
    unix_time: float,
) -> dict[str, str]:
    """Return the headers of the signed request, with lower-case names and without Host.

    `url` has no query and its path is not encoded. `payload_hash` is the SHA-256 of the body in hexadecimal, or
    UNSIGNED_PAYLOAD for S3. The signature is valid for 15 minutes around `unix_time`.
    """
    parts = urlsplit(url)
    timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(unix_time))
    signed = {name.lower(): value for name, value in headers.items()}
    signed |= {"host": parts.netloc, "x-amz-date": timestamp}
    if service == "s3":
        signed["x-amz-content-sha256"] = payload_hash
    if environment.token:
        signed["x-amz-security-token"] = environment.token
    names = sorted(signed)
    signed_names = ";".join(names)
    canonical_headers = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in names)
    canonical_request = "\n".join(
        [method, encode_path(parts.path), "", canonical_headers, signed_names, payload_hash]
    )
    scope = f"{timestamp[:8]}/{environment.region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    text = f"{_ALGORITHM}\n{timestamp}\n{scope}\n{digest}"
    signature = _hmac(_signing_key(environment, timestamp[:8], service), text).hex()
    signed["authorization"] = (
        f"{_ALGORITHM} Credential={environment.access_key}/{scope}, "
        f"SignedHeaders={signed_names}, Signature={signature}"
    )
    del signed["host"]
    return signed


def encode_path(path: str) -> str:
    """Return the path as the signature and the request line need it. "/" stays."""
    return quote(path, safe="/-_.~") or "/"


def _signing_key(environment: AwsEnvironment, date: str, service: str) -> bytes:
    key = _hmac(f"AWS4{environment.secret_key}".encode(), date)
    for part in (environment.region, service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
