"""Tests of the calls that the stores make to a bucket, with the small client and with boto3's, over sockets."""

import base64
import hashlib
import os

import pytest
import requests
from botocore.exceptions import ClientError, HTTPClientError, ResponseStreamingError

from retouch.infrastructure.aws import clients
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.object_access import UploadForm
from retouch.infrastructure.aws.object_bucket import ObjectBucket
from retouch.infrastructure.aws.signed_clients import ServiceError, SystemEffects
from retouch.infrastructure.http1.errors import InvalidResponse
from tests.support.orders import create_aws_clients
from tests.support.upstream import ScriptedResponse, Upstream

DATA = b"an answer"
STORED = ScriptedResponse(200)
EXISTS = ScriptedResponse(412, b"<Error><Code>PreconditionFailed</Code></Error>")
RACE = ScriptedResponse(409, b"<Error><Code>ConditionalRequestConflict</Code></Error>")
DENIED = ScriptedResponse(403, b"<Error><Code>AccessDenied</Code></Error>")

pytestmark = pytest.mark.usefixtures("credentials")


@pytest.fixture(params=["small client", "boto3"])
def call_bucket(request, monkeypatch):
    """Return a function that makes a call of a bucket with scripted responses, and returns its result and requests."""

    def call(operation, *responses):
        with Upstream(*responses) as server:
            monkeypatch.setattr(server, "download", server.serve)
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            is_small = request.param == "small client"
            aws = AwsClients(AwsEnvironment.from_env(os.environ) if is_small else None)
            bucket = ObjectBucket("b", aws, ClientConfig(max_attempts=1))
            return operation(bucket), server.received

    return call


def put_once(bucket):
    return bucket.put_if_absent("orders/1/answer", DATA, "application/octet-stream")


def test_absent_object_is_stored_under_a_condition_with_its_checksum(call_bucket):
    was_stored, (request,) = call_bucket(put_once, STORED)
    assert was_stored is True
    assert (request.method, request.path) == ("PUT", "/b/orders/1/answer")
    assert request.body == DATA
    checksum = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    expected = {
        "if-none-match": "*",
        "content-type": "application/octet-stream",
        "x-amz-checksum-sha256": checksum,
    }
    assert expected.items() <= request.headers.items()
    assert "cache-control" not in request.headers


def test_object_that_is_there_already_is_not_stored(call_bucket):
    was_stored, requests = call_bucket(put_once, EXISTS)
    assert (was_stored, len(requests)) == (False, 1)


@pytest.mark.parametrize(("last", "was_stored"), [(STORED, True), (EXISTS, False)])
def test_object_is_put_again_after_a_race(call_bucket, last, was_stored):
    result, requests = call_bucket(put_once, RACE, RACE, last)
    assert (result, len(requests)) == (was_stored, 3)


@pytest.mark.parametrize("response", [RACE, DENIED], ids=["races without end", "denied"])
def test_refused_object_raises_the_error_of_the_service(call_bucket, response):
    with pytest.raises(ServiceError) as raised:
        call_bucket(put_once, response)
    assert raised.value.status == response.status
    assert raised.value.code.encode() in response.body


def test_object_with_metadata_replaces_one_of_the_same_key(call_bucket):
    _, (request,) = call_bucket(
        lambda bucket: bucket.put("cache/k", DATA, "application/octet-stream", {"max-age": "60"}),
        STORED,
    )
    assert request.headers["x-amz-meta-max-age"] == "60"
    assert "if-none-match" not in request.headers


def stored_object(body=DATA, **headers):
    return ScriptedResponse(200, body, headers)


def test_object_is_read_with_its_size_and_metadata(call_bucket):
    response = stored_object(**{"x-amz-meta-max-age": "60", "X-Amz-Meta-Created": "7"})
    found, (request,) = call_bucket(open_object, response)
    assert found == (len(DATA), {"max-age": "60", "created": "7"}, DATA)
    assert (request.method, request.path) == ("GET", "/b/cache/k")
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")


def open_object(bucket):
    found = bucket.open("cache/k")
    return found and (found.size, dict(found.metadata), found.read())


@pytest.mark.parametrize(("max_bytes", "length"), [(None, 600_000), (9, 9), (600_001, 600_000)])
def test_object_is_read_up_to_a_number_of_bytes(call_bucket, max_bytes, length):
    body = bytes(range(200)) * 3_000
    data, _ = call_bucket(lambda b: b.open("k").read(max_bytes), stored_object(body))
    assert data == body[:length]


def test_object_of_no_bytes_is_read(call_bucket):
    assert call_bucket(lambda b: b.open("k").read(), stored_object(b""))[0] == b""


def test_object_that_is_closed_is_not_read_to_its_end(call_bucket):
    cut = stored_object()
    cut.network_failure = "cut"
    call_bucket(lambda bucket: bucket.open("k").close(), cut)


def test_object_of_no_such_key_is_none(call_bucket):
    missing = ScriptedResponse(404, b"<Error><Code>NoSuchKey</Code></Error>")
    assert call_bucket(open_object, missing)[0] is None


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDenied"), (404, "NoSuchBucket"), (503, "SlowDown")]
)
def test_object_that_cannot_be_opened_raises_the_error_of_the_service(call_bucket, status, code):
    refused = ScriptedResponse(status, f"<Error><Code>{code}</Code></Error>".encode())
    with pytest.raises((ServiceError, ClientError), match=code):
        call_bucket(open_object, refused)


def test_object_that_ends_early_raises_an_error(call_bucket):
    cut = stored_object()
    cut.network_failure = "cut"
    with pytest.raises((OSError, HTTPClientError, ResponseStreamingError)):
        call_bucket(open_object, cut)


def test_object_without_a_length_raises_an_error_of_the_small_client(monkeypatch):
    endless = ScriptedResponse(200, chunks=[DATA])
    with Upstream(endless) as server:
        monkeypatch.setattr(server, "download", server.serve)
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        aws = AwsClients(AwsEnvironment.from_env(os.environ))
        with pytest.raises(InvalidResponse, match="no length"):
            open_object(ObjectBucket("b", aws, ClientConfig(max_attempts=1)))


def test_object_is_opened_again_after_the_service_was_busy(monkeypatch):
    monkeypatch.setattr(clients, "SystemEffects", lambda: SystemEffects(sleep=lambda _: None))
    busy = ScriptedResponse(503, b"<Error><Code>SlowDown</Code></Error>")
    with Upstream(busy, stored_object()) as server:
        monkeypatch.setattr(server, "download", server.serve)
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        aws = AwsClients(AwsEnvironment.from_env(os.environ))
        assert open_object(ObjectBucket("b", aws, ClientConfig())) == (len(DATA), {}, DATA)
        assert len(server.received) == 2


@pytest.mark.parametrize("key", ["a b+c.png", "ä/~ü%41.png", "results/0'(1)*!.png", "a&b=c?d#e"])
def test_link_and_form_of_small_client_reach_the_object_of_boto3(moto, key):
    aws = create_aws_clients("small clients", moto.url)
    client = create_aws_clients("boto3", moto.url).client("s3")
    client.create_bucket(Bucket="links")
    objects = aws.objects(ClientConfig())
    form = objects.create_form(UploadForm("links", key, {}, [["content-length-range", 1, 99]], 60))
    response = requests.post(
        form["url"], data=form["fields"], files={"file": ("a.png", DATA)}, timeout=30
    )
    assert response.status_code == 204
    assert client.get_object(Bucket="links", Key=key)["Body"].read() == DATA
    assert requests.get(objects.presign("links", key, 60), timeout=30).content == DATA
    found = objects.open("links", key)
    assert found
    assert found.read() == DATA


def test_small_client_stores_reads_and_presigns_without_boto3(monkeypatch):
    def refuse(*_):
        raise AssertionError("a client of boto3 was made")

    monkeypatch.setattr(AwsClients, "_create_boto3_client", refuse)
    with Upstream(STORED) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        aws = AwsClients(AwsEnvironment.from_env(os.environ))
        bucket = ObjectBucket("b", aws, ClientConfig())
        assert put_once(bucket) is True
        server.files["/b/cache/k"] = DATA
        assert open_object(bucket) == (len(DATA), {}, DATA)
        assert requests.get(bucket.objects.presign("b", "cache/k", 60), timeout=30).content == DATA
