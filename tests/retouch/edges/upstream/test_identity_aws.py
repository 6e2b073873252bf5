"""AWS's signatures: what boto3 would send, read by the same strict reader."""

import base64
import json
import threading
from dataclasses import replace

import boto3
import pytest

from retouch.edges.upstream.identity_aws import AwsIdentity
from retouch.errors import Misconfigured
from retouch.plan.resolve import Target
from retouch.providers.bedrock import PROVIDER
from tests.contract.standins.bedrock import ACCESS_KEY, SECRET_KEY, Bedrock, signed
from tests.support.door import edit, png
from tests.support.house import build_house
from tests.support.pictures import hole, photo
from tests.support.upstream import Received

URL = "https://bedrock-runtime.us-east-2.amazonaws.com/model/us.a-v1%3A0/invoke"
PROFILE = "us.stability.stable-image-inpaint-v1:0"


@pytest.fixture(autouse=True)
def role(monkeypatch, tmp_path):
    """A role as a function has it, and no other credentials within reach."""
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
    with Bedrock() as server:
        yield server


def target(**options):
    card = PROVIDER.models[0]
    return replace(Target(PROVIDER, card, card), options=options)


def ask(server, **env):
    """An edit without a key."""
    env = {"BEDROCK_BASE_URL": server.url, "BEDROCK_REGION": "us-west-2", **env}
    house = build_house(env, providers=(PROVIDER,))
    fields = {"model": f"bedrock/{PROFILE}", "prompt": "é & ~", "seed": "41"}
    pictures = {"image": png(photo(96, 96)), "mask": png(hole(96, 96))}
    return edit({**fields, **pictures}, house=house)


def as_arrived(headers, url=URL, body=b"{}", method="POST"):
    """The request that would arrive with these headers."""
    host, _, path = url.removeprefix("https://").partition("/")
    lower = {name.lower(): value for name, value in headers.items()}
    return Received(method, f"/{path}", {}, {"host": host, **lower}, body)


def scope_of(received):
    return received.headers["authorization"].split("Credential=")[1].split(",")[0]


def signed_headers(received):
    return set(
        received.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    )


def test_what_is_sent_is_what_boto3_sends(server):
    assert ask(server).status == 200
    (ours,) = server.calls
    boto3.client("bedrock-runtime", region_name="us-west-2", endpoint_url=server.url).invoke_model(
        modelId=PROFILE,
        body=ours.body,
        contentType="application/json",
        accept="application/json",
    )
    _, theirs = server.calls
    assert (ours.method, ours.path, ours.json()) == (theirs.method, theirs.path, theirs.json())
    assert "%3A" in ours.path
    for name in ("host", "content-type", "accept", "x-amz-security-token", "content-length"):
        assert ours.headers[name] == theirs.headers[name]
    assert scope_of(ours) == scope_of(theirs)
    assert signed_headers(theirs) - signed_headers(ours) == {"accept"}  # which need not be signed
    # The reader of signatures takes boto3's, so it may judge ours.
    assert signed(theirs)
    assert signed(ours)
    assert not signed(replace(ours, body=ours.body + b" "))
    assert not signed(replace(ours, path=ours.path.replace("%3A", ":")))
    assert not signed(ours, "another secret")


def test_a_key_goes_before_the_role(server):
    assert ask(server, BEDROCK_API_KEY=server.key).status == 200
    headers = server.calls[0].headers
    assert headers["authorization"] == f"Bearer {server.key}"
    assert "x-amz-date" not in headers


def test_a_wrong_role_is_the_operators_fault(server, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    answer = ask(server)
    assert (answer.status, answer.json["error"]["code"]) == (500, "provider_credentials")


def test_a_users_own_key_has_no_session(monkeypatch):
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    headers = AwsIdentity()(target(), "POST", URL, b"{}")
    assert headers.keys() == {"Content-Type", "X-Amz-Date", "Authorization"}
    assert signed(as_arrived(headers))


def test_a_question_without_a_body_is_signed_too():
    headers = AwsIdentity()(target(), "GET", URL, b"")
    assert "Content-Type" not in headers
    assert signed(as_arrived(headers, body=b"", method="GET"))


@pytest.mark.parametrize(
    ("url", "options", "region"),
    [
        (URL, {}, "us-east-2"),
        (URL, {"region": "us-west-2"}, "us-west-2"),
        ("https://vpce-0a.bedrock-runtime.us-gov-west-1.vpce.amazonaws.com/model", {}, "us-gov-west-1"),
        ("https://proxy.example/model", {"region": "eu-west-1"}, "eu-west-1"),
    ],
)  # fmt: skip
def test_the_region_is_the_settings_or_the_addresss(url, options, region):
    received = as_arrived(AwsIdentity()(target(**options), "POST", url, b"{}"), url)
    assert scope_of(received).split("/")[2:] == [region, "bedrock", "aws4_request"]
    assert signed(received)


def test_no_region_is_the_operators_to_mend():
    with pytest.raises(Misconfigured, match="BEDROCK_REGION"):
        AwsIdentity()(target(), "POST", "https://proxy.example/model", b"{}")


@pytest.mark.parametrize(
    "lost",
    [
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        ("AWS_SECRET_ACCESS_KEY",),
    ],
)
def test_no_credentials_are_the_operators_to_mend(lost, monkeypatch):
    for name in lost:
        monkeypatch.delenv(name)
    with pytest.raises(Misconfigured, match="BEDROCK_API_KEY") as told:
        AwsIdentity()(target(), "POST", URL, b"{}")
    assert ACCESS_KEY not in str(told.value)


def test_credentials_that_come_later_are_found(monkeypatch):
    identity = AwsIdentity()
    with monkeypatch.context() as without:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            without.delenv(name)
        with pytest.raises(Misconfigured):
            identity(target(), "POST", URL, b"{}")
    assert signed(as_arrived(identity(target(), "POST", URL, b"{}")))


def test_many_threads_sign_at_once():
    identity, said = AwsIdentity(), []
    bodies = [json.dumps({"n": n}).encode() for n in range(8)]
    crowd = [
        threading.Thread(target=lambda b=body: said.append((b, identity(target(), "POST", URL, b))))
        for body in bodies
    ]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert len(said) == 8
    assert all(signed(as_arrived(headers, body=body)) for body, headers in said)


def test_a_picture_is_signed_as_it_is_sent(server):
    ask(server)
    body = server.calls[0].json()
    assert base64.b64decode(body["image"]).startswith(b"\x89PNG")
    assert body["prompt"] == "é & ~"
