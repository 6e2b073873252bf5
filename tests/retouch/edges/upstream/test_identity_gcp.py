"""Google's tokens: asked of a real token server, kept for as long as they are good, and told to nobody."""

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
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from retouch.edges.upstream.identity_gcp import GcpIdentity
from retouch.errors import BadUpstream, Misconfigured, Unauthorized, Unreachable
from retouch.plan.resolve import Target
from retouch.providers.vertex_ai import PROVIDER
from tests.support.house import TestClock
from tests.support.upstream import Answer, Upstream, as_json, closed_port

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
POOL = "//iam.googleapis.com/projects/12/locations/global/workloadIdentityPools/p/providers/aws"
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()


@pytest.fixture(autouse=True)
def aws(monkeypatch):
    """What Lambda puts into a function's environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws-s3cret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "aws-session")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """Neither gcloud's files nor a machine at Google's."""
    monkeypatch.setattr("google.auth.compute_engine._metadata._NO_GCE_CHECK", True)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")


def granted(token="ya29.one", seconds=3599):
    return as_json({"access_token": token, "expires_in": seconds, "token_type": "Bearer"})


def account(server, **also):
    return {
        "type": "service_account",
        "project_id": "acme",
        "private_key_id": "kid-1",
        "private_key": PEM,
        "client_email": "retouch@acme.iam.gserviceaccount.com",
        "token_uri": f"{server.url}/token",
        **also,
    }


def federation(server, **also):
    return {
        "type": "external_account",
        "audience": POOL,
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        "token_url": f"{server.url}/v1/token",
        "credential_source": {
            "environment_id": "aws1",
            "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=x",
        },
        **also,
    }


def target(project="acme", **secrets):
    card = PROVIDER.models[0]
    texts = {n: v if isinstance(v, str) else json.dumps(v) for n, v in secrets.items()}
    options = {"project": project} if project else {}
    return replace(Target(PROVIDER, card, card), options=options, secrets=texts)


def vouch(identity, where):
    return identity(where, "POST", "https://aiplatform.googleapis.com/v1/x", b"body")


def ask(answer, make=account, **also):
    """The headers and the requests that the token server got."""
    with Upstream(answer) as server:
        said = vouch(GcpIdentity(TestClock()), target(service_account_json=make(server, **also)))
    return said, server.calls


def form(call):
    return {name: values[0] for name, values in parse_qs(call.body.decode()).items()}


def unpadded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_service_account_signs_for_itself():
    said, (asked,) = ask(granted())
    assert said == {"Authorization": "Bearer ya29.one"}
    assert asked.path == "/token"
    assert form(asked)["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    signed, _, signature = form(asked)["assertion"].rpartition(".")
    header, claims = (json.loads(unpadded(part)) for part in signed.split("."))
    KEY.public_key().verify(
        unpadded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    assert (header["alg"], header["kid"]) == ("RS256", "kid-1")
    assert claims["iss"] == "retouch@acme.iam.gserviceaccount.com"
    assert claims["scope"] == SCOPE
    assert 0 < claims["exp"] - claims["iat"] <= 3600
    assert abs(claims["iat"] - datetime.now(UTC).timestamp()) < 60


def test_the_functions_aws_role_is_exchanged():
    said, (asked,) = ask(granted("ya29.federated"), federation)
    assert said == {"Authorization": "Bearer ya29.federated"}
    sent = form(asked)
    assert asked.path == "/v1/token"
    assert sent["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange"
    assert sent["requested_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert sent["subject_token_type"] == "urn:ietf:params:aws:token-type:aws4_request"
    assert (sent["audience"], sent["scope"]) == (POOL, SCOPE)
    proof = json.loads(unquote(sent["subject_token"]))
    headers = {pair["key"].lower(): pair["value"] for pair in proof["headers"]}
    assert proof["method"] == "POST"
    assert proof["url"].startswith(
        "https://sts.eu-central-1.amazonaws.com?Action=GetCallerIdentity"
    )
    assert headers["x-goog-cloud-target-resource"] == POOL
    assert headers["x-amz-security-token"] == "aws-session"
    assert "aws-s3cret" not in asked.body.decode()
    assert headers["authorization"].endswith(f"Signature={aws_signature(proof, headers)}")


def aws_signature(proof, headers):
    """What botocore computes for the same request."""
    signer = SigV4Auth(
        Credentials("AKIDEXAMPLE", "aws-s3cret", "aws-session"), "sts", "eu-central-1"
    )
    signed = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    request = AWSRequest("POST", proof["url"], headers={n: headers[n] for n in signed})
    request.context["timestamp"] = headers["x-amz-date"]
    canonical = signer.canonical_request(request)
    return signer.signature(signer.string_to_sign(request, canonical), request)


def test_a_federation_may_borrow_a_service_account():
    tomorrow = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    lent = as_json({"accessToken": "ya29.lent", "expireTime": tomorrow})
    path = "/v1/projects/-/serviceAccounts/a@b:generateAccessToken"
    with Upstream(granted("ya29.federated"), lent) as server:
        given = federation(server, service_account_impersonation_url=server.url + path)
        said = vouch(GcpIdentity(TestClock()), target(credentials_json=given))
    assert said == {"Authorization": "Bearer ya29.lent"}
    assert server.calls[1].path == path
    assert server.calls[1].headers["authorization"] == "Bearer ya29.federated"
    assert server.calls[1].json()["scope"] == [SCOPE]


def test_either_variable_takes_either_json():
    with Upstream(granted()) as server:
        said = vouch(GcpIdentity(TestClock()), target(credentials_json=account(server)))
    assert said["Authorization"] == "Bearer ya29.one"


def test_a_file_that_google_auth_finds_by_itself(monkeypatch, tmp_path):
    with Upstream(granted()) as server:
        file = tmp_path / "key.json"
        file.write_text(json.dumps(account(server)))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        said = vouch(GcpIdentity(TestClock()), target())
    assert said["Authorization"] == "Bearer ya29.one"
    assert len(server.calls) == 1


def test_a_quota_project_is_named():
    said, _ = ask(granted(), federation, quota_project_id="payer")
    assert said["x-goog-user-project"] == "payer"


def test_a_token_is_kept_until_five_minutes_before_its_end():
    clock = TestClock()
    identity = GcpIdentity(clock)
    with Upstream(granted("ya29.one"), granted("ya29.two")) as server:
        where = target(service_account_json=account(server))
        first = [vouch(identity, where) for _ in range(3)]
        clock.skipped += 3200
        still = vouch(identity, where)
        clock.skipped += 150
        renewed = vouch(identity, where)
    assert {said["Authorization"] for said in (*first, still)} == {"Bearer ya29.one"}
    assert renewed["Authorization"] == "Bearer ya29.two"
    assert len(server.calls) == 2


def test_many_threads_ask_once():
    identity, said = GcpIdentity(TestClock()), []
    slow = replace(granted(), delay=0.2)
    with Upstream(slow) as server:
        where = target(service_account_json=account(server))
        threads = [
            threading.Thread(target=lambda: said.append(vouch(identity, where))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert said == [{"Authorization": "Bearer ya29.one"}] * 8
    assert len(server.calls) == 1


def test_other_credentials_get_a_token_of_their_own():
    identity = GcpIdentity(TestClock())
    with Upstream(granted("ya29.one"), granted("ya29.two")) as server:
        one = target(service_account_json=account(server))
        two = target(service_account_json=account(server, client_email="b@c"))
        said = [vouch(identity, where)["Authorization"] for where in (one, two, one)]
    assert said == ["Bearer ya29.one", "Bearer ya29.two", "Bearer ya29.one"]


@pytest.mark.parametrize("project", ["acme", ""])
def test_without_any_credentials_the_caller_learns_what_to_send(project):
    with pytest.raises(Unauthorized) as refused:
        vouch(GcpIdentity(TestClock()), target(project))
    assert "VERTEX_AI_API_KEY" in str(refused.value)
    assert "VERTEX_AI_PROJECT" in str(refused.value)
    assert "VERTEX_AI_SERVICE_ACCOUNT_JSON" in str(refused.value)


def test_without_a_project_no_token_is_asked_for():
    with Upstream(granted()) as server:
        with pytest.raises(Unauthorized):
            vouch(GcpIdentity(TestClock()), target("", service_account_json=account(server)))
        assert server.calls == []


def test_credentials_are_looked_for_again_after_a_while(monkeypatch, tmp_path):
    clock = TestClock()
    identity = GcpIdentity(clock)
    with pytest.raises(Unauthorized):
        vouch(identity, target())
    with Upstream(granted()) as server:
        (tmp_path / "key.json").write_text(json.dumps(account(server)))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
        with pytest.raises(Unauthorized):
            vouch(identity, target())
        clock.skipped += 61
        assert vouch(identity, target())["Authorization"] == "Bearer ya29.one"


@pytest.mark.parametrize(
    "text",
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
def test_unusable_json_is_named_but_not_told(text):
    with pytest.raises(Misconfigured) as refused:
        vouch(GcpIdentity(TestClock()), target(service_account_json=text))
    assert "VERTEX_AI_SERVICE_ACCOUNT_JSON" in str(refused.value)
    assert "canary" not in "".join(traceback.format_exception(refused.value))
    assert refused.value.__context__ is None


@pytest.mark.parametrize("make", [account, federation])
@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_gives_googles_word_and_no_sentence(make, status):
    no = {"error": "invalid_grant", "error_description": "Invalid JWT of retouch@acme"}
    with pytest.raises(Misconfigured) as refused:
        ask(as_json(no, status), make)
    assert "(invalid_grant)" in str(refused.value)
    assert "VERTEX_AI_SERVICE_ACCOUNT_JSON" in str(refused.value)
    assert "acme" not in str(refused.value)


@pytest.mark.parametrize("make", [account, federation])
@pytest.mark.parametrize(
    "answer",
    [
        as_json({}, 500),
        Answer(503, b"<html>"),
        Answer(fault="reset"),
        Answer(body=b"x", fault="cut"),
    ],
)
def test_a_broken_way_is_no_refusal(make, answer):
    with pytest.raises(Unreachable):
        ask(answer, make)


def test_nobody_listens():
    with pytest.raises(Unreachable):
        vouch(
            GcpIdentity(TestClock()),
            target(
                service_account_json=account(
                    Upstream(), token_uri=f"http://127.0.0.1:{closed_port()}/"
                )
            ),
        )


@pytest.mark.parametrize("answer", [Answer(200, b"<html>"), as_json({"access_token": "ya29.x"})])
def test_an_answer_without_a_token(answer):
    with pytest.raises(BadUpstream) as broken:
        ask(answer, federation)
    assert broken.value.billed == "no"


def test_a_redirect_is_not_followed():
    with Upstream(granted()) as elsewhere:
        moved = Answer(307, b"{}", {"location": f"{elsewhere.url}/token"})
        with pytest.raises(Misconfigured):
            ask(moved)
    assert elsewhere.calls == []


def test_without_an_aws_role_there_is_nothing_to_show(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(Misconfigured, match="no AWS credentials"):
        ask(granted(), federation)
