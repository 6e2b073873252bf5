"""Tests of the calls that the stores make to a bucket, with the small client and with boto3's, over sockets."""

import base64
import hashlib
import os

import pytest

from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.object_bucket import ObjectBucket
from retouch.infrastructure.aws.signed_clients import ServiceError
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


def test_small_client_stores_an_object_without_boto3(monkeypatch):
    def refuse(*_):
        raise AssertionError("a client of boto3 was made")

    monkeypatch.setattr(AwsClients, "_create_boto3_client", refuse)
    with Upstream(STORED) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        aws = AwsClients(AwsEnvironment.from_env(os.environ))
        assert put_once(ObjectBucket("b", aws, ClientConfig())) is True
