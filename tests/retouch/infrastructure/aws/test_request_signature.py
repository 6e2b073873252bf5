"""Tests of AWS Signature Version 4, against published signatures and against botocore."""

import json
import time
from base64 import b64decode
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import boto3
import botocore.auth
import botocore.signers
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.request_signature import (
    encode_path,
    presign_url,
    sign_form,
    sign_request,
)

# The credentials, the time and the signatures of the test suite that AWS publishes for Signature Version 4.
EXAMPLE = AwsEnvironment(
    "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "", "us-east-1", {}
)
EXAMPLE_TIME = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()
EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
PUBLISHED = {
    "GET": "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    "POST": "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
}


@pytest.mark.parametrize(("method", "signature"), PUBLISHED.items())
def test_signature_is_the_published_one(method, signature):
    headers = sign_request(
        method,
        "https://example.amazonaws.com",
        "/",
        {},
        EMPTY_HASH,
        "service",
        EXAMPLE,
        EXAMPLE_TIME,
    )
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )


header_values = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\x7f"), min_size=1
)
object_keys = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), max_size=20).filter(
    lambda path: "//" not in path
)


def sign_with_botocore(monkeypatch, method, url, headers, service, environment):
    """Return botocore's Authorization header for a request without a body."""
    request = AWSRequest(method, url, headers=headers, data=b"")
    credentials = Credentials(
        environment.access_key, environment.secret_key, environment.token or None
    )
    moment = datetime.fromtimestamp(EXAMPLE_TIME, UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_: moment)
    auth_class = S3SigV4Auth if service == "s3" else SigV4Auth
    auth_class(credentials, service, environment.region).add_auth(request)
    return request.headers["Authorization"]


# Only S3 has paths. The other services are called with "/".
@pytest.mark.parametrize("token", ["", "a-session-token"])
@pytest.mark.parametrize(("service", "paths"), [("dynamodb", st.just("")), ("s3", object_keys)])
@given(data=st.data(), value=header_values, host=st.sampled_from(["b.example", "127.0.0.1:4566"]))
def test_signature_equals_the_one_of_botocore(token, service, paths, data, value, host):
    environment = AwsEnvironment("AKID", "secret/key", token, "eu-west-1", {})
    path = "/" + data.draw(paths)
    headers = {"content-type": "image/png", "x-amz-meta-note": value}
    ours = sign_request(
        "PUT", f"https://{host}", path, headers, EMPTY_HASH, service, environment, EXAMPLE_TIME
    )
    with pytest.MonkeyPatch.context() as monkeypatch:
        url = f"https://{host}{encode_path(path)}"
        theirs = sign_with_botocore(monkeypatch, "PUT", url, headers, service, environment)
    assert ours["authorization"] == theirs


def test_signature_has_the_time_of_the_clock():
    headers = sign_request(
        "GET", "https://b.example", "/", {}, EMPTY_HASH, "dynamodb", EXAMPLE, time.time()
    )
    assert headers["x-amz-date"].startswith(time.strftime("%Y%m%d", time.gmtime()))
    assert "host" not in headers


def presign_with_botocore(monkeypatch, operation, environment, *arguments, **options):
    session = boto3.Session(
        environment.access_key, environment.secret_key, environment.token or None, "eu-west-1"
    )
    config = Config(signature_version="s3v4", s3={"addressing_style": "path"})
    client = session.client("s3", endpoint_url="https://s3.eu-west-1.amazonaws.com", config=config)
    moment = datetime.fromtimestamp(EXAMPLE_TIME, UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_: moment)
    monkeypatch.setattr(botocore.signers, "get_current_datetime", lambda **_: moment)
    return getattr(client, operation)(*arguments, **options)


@pytest.mark.parametrize("token", ["", "a/session+token=="])
@pytest.mark.parametrize(
    "key", ["a.png", "a b+c.png", "ä/~ü%41.png", "0'(1)*!.png", "a&b=c@:", "a?b#c//d"]
)
def test_presigned_url_equals_the_one_of_botocore(monkeypatch, key, token):
    environment = AwsEnvironment("AKID", "secret/key", token, "eu-west-1", {})
    endpoint = environment.endpoint("s3")
    ours = urlsplit(presign_url(endpoint, f"/bucket/{key}", 300, environment, EXAMPLE_TIME))
    parameters = {"Bucket": "bucket", "Key": key}
    theirs = urlsplit(
        presign_with_botocore(
            monkeypatch,
            "generate_presigned_url",
            environment,
            "get_object",
            Params=parameters,
            ExpiresIn=300,
        )
    )
    assert ours[:3] == theirs[:3]
    assert sorted(parse_qsl(ours.query)) == sorted(parse_qsl(theirs.query))


@pytest.mark.parametrize("token", ["", "a/session+token=="])
def test_form_equals_the_one_of_botocore(monkeypatch, token):
    environment = AwsEnvironment("AKID", "secret/key", token, "eu-west-1", {})
    conditions = [{"Content-Type": "image/png"}, ["content-length-range", 1, 99]]
    theirs = presign_with_botocore(
        monkeypatch,
        "generate_presigned_post",
        environment,
        "bucket",
        "uploads/ä b",
        Conditions=list(conditions),
        ExpiresIn=300,
    )["fields"]
    placed = [*conditions, {"bucket": "bucket"}, {"key": "uploads/ä b"}]
    ours = sign_form(placed, 300, environment, EXAMPLE_TIME)
    policy, their_policy = (json.loads(b64decode(one.pop("policy"))) for one in (ours, theirs))
    assert policy == their_policy
    assert ours.keys() | {"key"} == theirs.keys()
    differing = {name for name in ours if ours[name] != theirs[name]}
    assert differing <= {"x-amz-signature"}  # of the policy, whose spelling as JSON differs


def test_signature_of_a_form_is_the_one_of_botocore_for_its_policy():
    fields = sign_form([], 300, EXAMPLE, EXAMPLE_TIME)
    key = SigV4Auth(Credentials(EXAMPLE.access_key, EXAMPLE.secret_key), "s3", EXAMPLE.region)
    request = AWSRequest("POST", "https://b.example/")
    request.context["timestamp"] = fields["x-amz-date"]
    assert fields["x-amz-signature"] == key.signature(fields["policy"], request)
