"""Tests of AWS signatures, compared with the requests of boto3 and checked by the same verifier."""

import base64
import json
import threading
from dataclasses import replace

import boto3
import pytest

from retouch.core.errors import GatewayMisconfigured
from retouch.core.resolved_model import ResolvedModel
from retouch.infrastructure.upstream.identity.aws import AwsIdentity
from retouch.providers.bedrock import PROVIDER
from tests.contract.standins.bedrock import (
    ACCESS_KEY,
    SECRET_KEY,
    BedrockStandIn,
    has_valid_signature,
)
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import box_mask, photo
from tests.support.services import build_services
from tests.support.upstream import ReceivedRequest

URL = "https://bedrock-runtime.us-east-2.amazonaws.com/model/us.a-v1%3A0/invoke"
PROFILE = "us.stability.stable-image-inpaint-v1:0"


@pytest.fixture(autouse=True)
def role(monkeypatch, tmp_path):
    """Set role credentials as Lambda does, and hide all other credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session/token+=")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def server():
    with BedrockStandIn() as server:
        yield server


def resolved_model(**options):
    model = PROVIDER.models[0]
    return replace(ResolvedModel(PROVIDER, model, model), options=options)


def edit_without_key(server, **env):
    """Send an edit without an API key."""
    env = {"BEDROCK_BASE_URL": server.url, "BEDROCK_REGION": "us-west-2", **env}
    services = build_services(env, providers=(PROVIDER,))
    fields = {"model": f"bedrock/{PROFILE}", "prompt": "é & ~", "seed": "41"}
    images = {"image": file_part(photo(96, 96)), "mask": file_part(box_mask(96, 96))}
    return post_edit({**fields, **images}, services=services)


def received_request(headers, url=URL, body=b"{}", method="POST"):
    """Return the request that would arrive with these headers."""
    host, _, path = url.removeprefix("https://").partition("/")
    lower = {name.lower(): value for name, value in headers.items()}
    return ReceivedRequest(method, f"/{path}", {}, {"host": host, **lower}, body)


def credential_scope(received):
    return received.headers["authorization"].split("Credential=")[1].split(",")[0]


def signed_headers(received):
    return set(
        received.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    )


def test_signed_request_equals_boto3_request(server):
    assert edit_without_key(server).status == 200
    (our_request,) = server.calls
    boto3.Session().client(
        "bedrock-runtime", region_name="us-west-2", endpoint_url=server.url
    ).invoke_model(
        modelId=PROFILE,
        body=our_request.body,
        contentType="application/json",
        accept="application/json",
    )
    _, boto3_request = server.calls
    assert (our_request.method, our_request.path, our_request.json()) == (
        boto3_request.method,
        boto3_request.path,
        boto3_request.json(),
    )
    assert "%3A" in our_request.path
    for name in ("host", "content-type", "accept", "x-amz-security-token", "content-length"):
        assert our_request.headers[name] == boto3_request.headers[name]
    assert credential_scope(our_request) == credential_scope(boto3_request)
    # The accept header need not be signed.
    assert signed_headers(boto3_request) - signed_headers(our_request) == {"accept"}
    # The verifier accepts the request of boto3, so its verdict on ours is valid.
    assert has_valid_signature(boto3_request)
    assert has_valid_signature(our_request)
    assert not has_valid_signature(replace(our_request, body=our_request.body + b" "))
    assert not has_valid_signature(replace(our_request, path=our_request.path.replace("%3A", ":")))
    assert not has_valid_signature(our_request, "another secret")


def test_configured_key_is_used_instead_of_role(server):
    assert edit_without_key(server, BEDROCK_API_KEY=server.key).status == 200
    headers = server.calls[0].headers
    assert headers["authorization"] == f"Bearer {server.key}"
    assert "x-amz-date" not in headers


def test_invalid_role_credentials_return_500_provider_credentials(server, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    response = edit_without_key(server)
    assert (response.status, response.json["error"]["code"]) == (500, "provider_credentials")


def test_credentials_without_session_token_sign_without_token_header(monkeypatch):
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    headers = AwsIdentity()(resolved_model(), "POST", URL, b"{}")
    assert headers.keys() == {"Content-Type", "X-Amz-Date", "Authorization"}
    assert has_valid_signature(received_request(headers))


def test_get_request_without_body_is_signed():
    headers = AwsIdentity()(resolved_model(), "GET", URL, b"")
    assert "Content-Type" not in headers
    assert has_valid_signature(received_request(headers, body=b"", method="GET"))


@pytest.mark.parametrize(
    ("url", "options", "region"),
    [
        (URL, {}, "us-east-2"),
        (URL, {"region": "us-west-2"}, "us-west-2"),
        ("https://vpce-0a.bedrock-runtime.us-gov-west-1.vpce.amazonaws.com/model", {}, "us-gov-west-1"),
        ("https://proxy.example/model", {"region": "eu-west-1"}, "eu-west-1"),
    ],
)  # fmt: skip
def test_region_comes_from_setting_or_host_name(url, options, region):
    received = received_request(AwsIdentity()(resolved_model(**options), "POST", url, b"{}"), url)
    assert credential_scope(received).split("/")[2:] == [region, "bedrock", "aws4_request"]
    assert has_valid_signature(received)


def test_unknown_region_raises_misconfigured():
    with pytest.raises(GatewayMisconfigured, match="BEDROCK_REGION"):
        AwsIdentity()(resolved_model(), "POST", "https://proxy.example/model", b"{}")


@pytest.mark.parametrize(
    "missing",
    [
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        ("AWS_SECRET_ACCESS_KEY",),
    ],
)
def test_missing_credentials_raise_misconfigured(missing, monkeypatch):
    for name in missing:
        monkeypatch.delenv(name)
    with pytest.raises(GatewayMisconfigured, match="BEDROCK_API_KEY") as exc_info:
        AwsIdentity()(resolved_model(), "POST", URL, b"{}")
    assert ACCESS_KEY not in str(exc_info.value)


def test_credentials_set_later_are_used(monkeypatch):
    identity = AwsIdentity()
    with monkeypatch.context() as without:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            without.delenv(name)
        with pytest.raises(GatewayMisconfigured):
            identity(resolved_model(), "POST", URL, b"{}")
    assert has_valid_signature(received_request(identity(resolved_model(), "POST", URL, b"{}")))


def test_concurrent_threads_sign_correctly():
    identity, signed_requests = AwsIdentity(), []
    bodies = [json.dumps({"n": n}).encode() for n in range(8)]
    threads = [
        threading.Thread(
            target=lambda b=body: signed_requests.append(
                (b, identity(resolved_model(), "POST", URL, b))
            )
        )
        for body in bodies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(signed_requests) == 8
    assert all(
        has_valid_signature(received_request(headers, body=body))
        for body, headers in signed_requests
    )


def test_image_body_is_sent_unchanged_after_signing(server):
    edit_without_key(server)
    body = server.calls[0].json()
    assert base64.b64decode(body["image"]).startswith(b"\x89PNG")
    assert body["prompt"] == "é & ~"
