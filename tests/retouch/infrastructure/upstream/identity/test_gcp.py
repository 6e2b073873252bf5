"""Tests of Google tokens: requested from a token server, cached until shortly before expiry, and never shown."""

import base64
import json
import threading
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from devserver.ports import unused_port
from retouch.core.errors import (
    GatewayMisconfigured,
    Unauthorized,
    UpstreamError,
    UpstreamUnreachable,
)
from retouch.core.resolved_model import ResolvedModel
from retouch.infrastructure.upstream.identity.gcp import GcpIdentity
from retouch.providers.vertex_ai import PROVIDER
from tests.support.google_credentials import KEY, service_account
from tests.support.services import FakeClock
from tests.support.upstream import ScriptedResponse, Upstream, json_response

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
POOL = "//iam.googleapis.com/projects/12/locations/global/workloadIdentityPools/p/providers/aws"


@pytest.fixture(autouse=True)
def lambda_environment(monkeypatch):
    """Set the environment variables that Lambda sets."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws-s3cret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "aws-session")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture(autouse=True)
def no_ambient_google_credentials(monkeypatch, tmp_path):
    """Hide the gcloud files and the Google metadata server."""
    monkeypatch.setattr("google.auth.compute_engine._metadata._NO_GCE_CHECK", True)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")


def token_response(token="ya29.one", seconds=3599):
    return json_response({"access_token": token, "expires_in": seconds, "token_type": "Bearer"})


def external_account(server, **overrides):
    return {
        "type": "external_account",
        "audience": POOL,
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        "token_url": f"{server.url}/v1/token",
        "credential_source": {
            "environment_id": "aws1",
            "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=x",
        },
        **overrides,
    }


def resolved_model(project="acme", **secrets):
    model = PROVIDER.models[0]
    texts = {n: v if isinstance(v, str) else json.dumps(v) for n, v in secrets.items()}
    options = {"project": project} if project else {}
    return replace(ResolvedModel(PROVIDER, model, model), options=options, identity_secrets=texts)


def auth_headers(identity, model):
    return identity(model, "POST", "https://aiplatform.googleapis.com/v1/x", b"body")


def request_token(response, make=service_account, **also):
    """Return the headers and the requests that the token server received."""
    with Upstream(response) as server:
        headers = auth_headers(
            GcpIdentity(FakeClock()), resolved_model(service_account_json=make(server, **also))
        )
    return headers, server.calls


def form_fields(request):
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def decode_base64url(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_service_account_key_signs_token_request():
    headers, (request,) = request_token(token_response())
    assert headers == {"Authorization": "Bearer ya29.one"}
    assert request.path == "/token"
    assert form_fields(request)["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    signed, _, signature = form_fields(request)["assertion"].rpartition(".")
    header, claims = (json.loads(decode_base64url(part)) for part in signed.split("."))
    KEY.public_key().verify(
        decode_base64url(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    assert (header["alg"], header["kid"]) == ("RS256", "kid-1")
    assert claims["iss"] == "retouch@acme.iam.gserviceaccount.com"
    assert claims["scope"] == SCOPE
    assert 0 < claims["exp"] - claims["iat"] <= 3600
    assert abs(claims["iat"] - datetime.now(UTC).timestamp()) < 60


def test_aws_role_is_exchanged_for_google_token():
    auth_header, (request,) = request_token(token_response("ya29.federated"), external_account)
    assert auth_header == {"Authorization": "Bearer ya29.federated"}
    fields = form_fields(request)
    assert request.path == "/v1/token"
    assert fields["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange"
    assert fields["requested_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert fields["subject_token_type"] == "urn:ietf:params:aws:token-type:aws4_request"
    assert (fields["audience"], fields["scope"]) == (POOL, SCOPE)
    proof = json.loads(unquote(fields["subject_token"]))
    headers = {pair["key"].lower(): pair["value"] for pair in proof["headers"]}
    assert proof["method"] == "POST"
    assert proof["url"].startswith(
        "https://sts.eu-central-1.amazonaws.com?Action=GetCallerIdentity"
    )
    assert headers["x-goog-cloud-target-resource"] == POOL
    assert headers["x-amz-security-token"] == "aws-session"
    assert "aws-s3cret" not in request.body.decode()
    assert headers["authorization"].endswith(f"Signature={aws_signature(proof, headers)}")


def aws_signature(proof, headers):
    """Return the signature that botocore computes for the same request."""
    signer = SigV4Auth(
        Credentials("AKIDEXAMPLE", "aws-s3cret", "aws-session"), "sts", "eu-central-1"
    )
    signed = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    request = AWSRequest("POST", proof["url"], headers={n: headers[n] for n in signed})
    request.context["timestamp"] = headers["x-amz-date"]
    canonical = signer.canonical_request(request)
    return signer.signature(signer.string_to_sign(request, canonical), request)


def test_external_account_can_impersonate_service_account():
    tomorrow = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    impersonated_response = json_response({"accessToken": "ya29.lent", "expireTime": tomorrow})
    path = "/v1/projects/-/serviceAccounts/a@b:generateAccessToken"
    with Upstream(token_response("ya29.federated"), impersonated_response) as server:
        credentials = external_account(server, service_account_impersonation_url=server.url + path)
        headers = auth_headers(
            GcpIdentity(FakeClock()), resolved_model(credentials_json=credentials)
        )
    assert headers == {"Authorization": "Bearer ya29.lent"}
    assert server.calls[1].path == path
    assert server.calls[1].headers["authorization"] == "Bearer ya29.federated"
    assert server.calls[1].json()["scope"] == [SCOPE]


def test_either_setting_accepts_either_credential_json():
    with Upstream(token_response()) as server:
        headers = auth_headers(
            GcpIdentity(FakeClock()), resolved_model(credentials_json=service_account(server))
        )
    assert headers["Authorization"] == "Bearer ya29.one"


def test_application_default_credentials_file_is_used(monkeypatch, tmp_path):
    with Upstream(token_response()) as server:
        file = tmp_path / "key.json"
        file.write_text(json.dumps(service_account(server)))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        headers = auth_headers(GcpIdentity(FakeClock()), resolved_model())
    assert headers["Authorization"] == "Bearer ya29.one"
    assert len(server.calls) == 1


def test_quota_project_is_sent_as_header():
    headers, _ = request_token(token_response(), external_account, quota_project_id="payer")
    assert headers["x-goog-user-project"] == "payer"


def test_token_is_cached_until_five_minutes_before_expiry():
    clock = FakeClock()
    identity = GcpIdentity(clock)
    with Upstream(token_response("ya29.one"), token_response("ya29.two")) as server:
        model = resolved_model(service_account_json=service_account(server))
        first_headers = [auth_headers(identity, model) for _ in range(3)]
        clock.advance(3200)
        unchanged = auth_headers(identity, model)
        clock.advance(150)
        renewed = auth_headers(identity, model)
    assert {headers["Authorization"] for headers in (*first_headers, unchanged)} == {
        "Bearer ya29.one"
    }
    assert renewed["Authorization"] == "Bearer ya29.two"
    assert len(server.calls) == 2


def test_concurrent_threads_request_one_token():
    identity, headers_per_thread = GcpIdentity(FakeClock()), []
    slow_response = replace(token_response(), delay=0.2)
    with Upstream(slow_response) as server:
        model = resolved_model(service_account_json=service_account(server))
        threads = [
            threading.Thread(
                target=lambda: headers_per_thread.append(auth_headers(identity, model))
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert headers_per_thread == [{"Authorization": "Bearer ya29.one"}] * 8
    assert len(server.calls) == 1


def test_tokens_are_cached_per_credentials():
    identity = GcpIdentity(FakeClock())
    with Upstream(token_response("ya29.one"), token_response("ya29.two")) as server:
        first_model = resolved_model(service_account_json=service_account(server))
        second_model = resolved_model(
            service_account_json=service_account(server, client_email="b@c")
        )
        authorizations = [
            auth_headers(identity, model)["Authorization"]
            for model in (first_model, second_model, first_model)
        ]
    assert authorizations == ["Bearer ya29.one", "Bearer ya29.two", "Bearer ya29.one"]


@pytest.mark.parametrize("project", ["acme", ""])
def test_missing_credentials_raise_unauthorized_naming_settings(project):
    with pytest.raises(Unauthorized) as exc_info:
        auth_headers(GcpIdentity(FakeClock()), resolved_model(project))
    assert "VERTEX_AI_API_KEY" in str(exc_info.value)
    assert "VERTEX_AI_PROJECT" in str(exc_info.value)
    assert "VERTEX_AI_SERVICE_ACCOUNT_JSON" in str(exc_info.value)


def test_missing_project_raises_unauthorized_without_token_request():
    with Upstream(token_response()) as server:
        with pytest.raises(Unauthorized):
            auth_headers(
                GcpIdentity(FakeClock()),
                resolved_model("", service_account_json=service_account(server)),
            )
        assert server.calls == []


def test_missing_credentials_are_looked_up_again_after_one_minute(monkeypatch, tmp_path):
    clock = FakeClock()
    identity = GcpIdentity(clock)
    with pytest.raises(Unauthorized):
        auth_headers(identity, resolved_model())
    with Upstream(token_response()) as server:
        (tmp_path / "key.json").write_text(json.dumps(service_account(server)))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
        with pytest.raises(Unauthorized):
            auth_headers(identity, resolved_model())
        clock.advance(61)
        assert auth_headers(identity, resolved_model())["Authorization"] == "Bearer ya29.one"


@pytest.mark.parametrize(
    "json_text",
    [
        '{"type": "service_account", "private_key": "canary-5a1d',
        "canary-5a1d",
        '["canary-5a1d"]',
        {"type": "service_account", "private_key": "canary-5a1d"},
        {
            "type": "service_account",
            "private_key": "canary-5a1d",
            "client_email": "canary-5a1d",
            "token_uri": "http://127.0.0.1:1/",
        },
        {"type": "authorized_user", "refresh_token": "canary-5a1d"},
        {"type": "external_account", "audience": "canary-5a1d", "subject_token_type": "jwt"},
    ],
)
def test_invalid_credential_json_raises_misconfigured_without_its_content(json_text):
    with pytest.raises(GatewayMisconfigured) as exc_info:
        auth_headers(GcpIdentity(FakeClock()), resolved_model(service_account_json=json_text))
    assert "VERTEX_AI_SERVICE_ACCOUNT_JSON" in str(exc_info.value)
    assert "canary" not in "".join(traceback.format_exception(exc_info.value))
    assert exc_info.value.__context__ is None


@pytest.mark.parametrize("make", [service_account, external_account])
@pytest.mark.parametrize("status", [400, 401, 403])
def test_token_refusal_names_google_error_code_without_description(make, status):
    body = {"error": "invalid_grant", "error_description": "Invalid JWT of retouch@acme"}
    with pytest.raises(GatewayMisconfigured) as exc_info:
        request_token(json_response(body, status), make)
    assert "(invalid_grant)" in str(exc_info.value)
    assert "VERTEX_AI_SERVICE_ACCOUNT_JSON" in str(exc_info.value)
    assert "acme" not in str(exc_info.value)


@pytest.mark.parametrize("make", [service_account, external_account])
@pytest.mark.parametrize(
    "response",
    [
        json_response({}, 500),
        ScriptedResponse(503, b"<html>"),
        ScriptedResponse(network_failure="reset"),
        ScriptedResponse(body=b"x", network_failure="cut"),
    ],
)
def test_failing_token_server_raises_upstream_unreachable(make, response):
    with pytest.raises(UpstreamUnreachable):
        request_token(response, make)


def test_closed_token_server_port_raises_upstream_unreachable():
    with pytest.raises(UpstreamUnreachable):
        auth_headers(
            GcpIdentity(FakeClock()),
            resolved_model(
                service_account_json=service_account(
                    Upstream(), token_uri=f"http://127.0.0.1:{unused_port()}/"
                )
            ),
        )


@pytest.mark.parametrize(
    "response", [ScriptedResponse(200, b"<html>"), json_response({"access_token": "ya29.x"})]
)
def test_token_response_without_token_raises_upstream_error(response):
    with pytest.raises(UpstreamError) as exc_info:
        request_token(response, external_account)
    assert exc_info.value.billed == "no"


def test_token_server_redirect_is_not_followed():
    with Upstream(token_response()) as other_server:
        moved = ScriptedResponse(307, b"{}", {"location": f"{other_server.url}/token"})
        with pytest.raises(GatewayMisconfigured):
            request_token(moved)
    assert other_server.calls == []


def test_external_account_without_aws_credentials_raises_misconfigured(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(GatewayMisconfigured, match="no AWS credentials"):
        request_token(token_response(), external_account)
