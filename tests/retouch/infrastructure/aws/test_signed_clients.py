"""Tests of the small AWS clients, over sockets: against moto, and against scripted responses."""

import base64
import hashlib
from dataclasses import replace

import boto3
import pytest
from moto.server import ThreadedMotoServer

from devserver.ports import unused_port
from retouch.core.settings import Settings
from retouch.infrastructure.aws import clients
from retouch.infrastructure.aws.circuit_table import CircuitTable
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.mirror_bucket import MirrorBucket
from retouch.infrastructure.aws.results_bucket import ResultsBucket
from retouch.infrastructure.aws.signed_clients import (
    ConditionalCheckFailedException,
    DynamoDbClient,
    ServiceError,
    SignedSender,
    SystemEffects,
)
from retouch.infrastructure.body_spool import spool_body
from retouch.infrastructure.http1.client import HttpClient
from retouch.infrastructure.http1.errors import ConnectFailed
from retouch.mirror.services import MirrorObject, StoreFailed
from tests.support.certificates import certificate_authority, tls_context_for
from tests.support.services import FakeClock
from tests.support.upstream import ScriptedResponse, Upstream, json_response

TABLE, BUCKET = "rows", "results-bucket"
KEY = {"id": {"S": "1"}}
SECRET_KEY = "canary-secret-key"


def create_environment(url: str) -> AwsEnvironment:
    endpoints = {"AWS_ENDPOINT_URL": url}
    return AwsEnvironment("AKID", SECRET_KEY, "canary-token", "us-east-1", endpoints)


@pytest.fixture(scope="module")
def moto_url():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    server.stop()


@pytest.fixture(scope="module")
def boto3_client(moto_url):
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    return lambda service: session.client(service, endpoint_url=moto_url)


@pytest.fixture(scope="module", autouse=True)
def resources(boto3_client):
    boto3_client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    boto3_client("s3").create_bucket(Bucket=BUCKET)
    boto3_client("secretsmanager").create_secret(Name="keys", SecretString='{"A": "1"}')


@pytest.fixture
def aws(moto_url) -> AwsClients:
    return AwsClients(create_environment(moto_url))


def test_row_is_written_read_changed_and_removed(aws):
    client = aws.client("dynamodb")
    client.put_item(TableName=TABLE, Item={**KEY, "count": {"N": "1"}})
    changed = client.update_item(
        TableName=TABLE,
        Key=KEY,
        UpdateExpression="SET #c = #c + :one",
        ExpressionAttributeNames={"#c": "count"},
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="ALL_NEW",
    )
    assert changed["Attributes"]["count"] == {"N": "2"}
    assert client.get_item(TableName=TABLE, Key=KEY)["Item"]["count"] == {"N": "2"}
    assert {"S": "1"} in [row["id"] for row in client.scan(TableName=TABLE)["Items"]]
    found = client.query(
        TableName=TABLE,
        KeyConditionExpression="id = :id",
        ExpressionAttributeValues={":id": {"S": "1"}},
    )
    assert found["Count"] == 1
    client.delete_item(TableName=TABLE, Key=KEY)
    assert "Item" not in client.get_item(TableName=TABLE, Key=KEY)


def test_failed_condition_raises_the_exception_of_the_client_with_the_stored_row(aws):
    client = aws.client("dynamodb")
    item = {"id": {"S": "conditional"}, "value": {"S": "old"}}
    client.put_item(TableName=TABLE, Item=item)
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as failure:
        client.put_item(
            TableName=TABLE,
            Item=item,
            ConditionExpression="attribute_not_exists(id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert failure.value.response["Item"]["value"] == {"S": "old"}


def test_missing_table_raises_the_error_of_the_service(aws):
    with pytest.raises(ServiceError) as failure:
        aws.client("dynamodb").get_item(TableName="absent", Key=KEY)
    assert failure.value.code == "ResourceNotFoundException"


def test_stored_secret_is_read_with_the_signed_client(aws):
    assert aws.client("secretsmanager").get_secret_value(SecretId="keys")["SecretString"] == (
        '{"A": "1"}'
    )


def test_result_is_stored_with_its_headers_and_checksum(aws, boto3_client):
    data = b"\x89PNG and so on"
    key = ResultsBucket(Settings(bucket=BUCKET, result_url_seconds=60), aws).put(data, "png")
    stored = boto3_client("s3").get_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
    assert stored["Body"].read() == data
    assert stored["ContentType"] == "image/png"
    assert stored["ContentDisposition"] == "inline"
    assert stored["CacheControl"] == "private, max-age=60"
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert stored["ChecksumSHA256"] == digest


def test_circuit_is_shared_through_the_signed_client(aws, moto_url):
    first = CircuitTable(TABLE, FakeClock(), aws)
    first.record_failure("openai", 100)
    second = CircuitTable(TABLE, FakeClock(), AwsClients(create_environment(moto_url)))
    assert second.record_failure("openai", 100).failures == 2
    assert second.claim_probe("openai", 1, 2) is False


def test_signed_clients_are_cached_by_service_and_config(aws):
    client = aws.client("dynamodb")
    assert aws.client("dynamodb") is client
    assert aws.client("dynamodb", ClientConfig(max_attempts=1)) is not client
    assert isinstance(client, DynamoDbClient)


def test_client_for_another_region_is_the_one_of_boto3(aws, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    assert not isinstance(aws.client("dynamodb", region="eu-west-1"), DynamoDbClient)
    assert aws.client("sqs", region="eu-west-1").meta.region_name == "eu-west-1"


class ClientUnderTest:
    """A DynamoDB client of a scripted server, and the seconds that it waited."""

    def __init__(self, url: str, **config: float | int) -> None:
        self.waits: list[float] = []
        effects = SystemEffects(lambda: 1_800_000_000.0, self.waits.append, lambda: 0.5)
        limits = ClientConfig(**{"read_timeout": 5.0, **config})  # type: ignore[arg-type]
        sender = SignedSender("dynamodb", create_environment(url), limits, effects)
        self.client = DynamoDbClient(sender)

    def get_item(self):
        return self.client.get_item(TableName=TABLE, Key=KEY)


def error_response(code: str, status: int = 400) -> ScriptedResponse:
    kind = f"com.amazonaws.dynamodb.v20120810#{code}"
    return json_response({"__type": kind, "message": "m"}, status)


@pytest.mark.parametrize(
    "failure",
    [
        error_response("InternalServerError", 500),
        ScriptedResponse(503, b"<html>busy</html>"),
        error_response("ProvisionedThroughputExceededException"),
        error_response("ThrottlingException"),
        error_response("TooManyRequestsException", 429),
        ScriptedResponse(400, b"<Error><Code>RequestTimeout</Code></Error>"),
        ScriptedResponse(network_failure="reset"),
        ScriptedResponse(body=b'{"Item": {}}', network_failure="cut"),
    ],
    ids=["500", "503-html", "throughput", "throttled", "429", "timeout", "reset", "cut"],
)
def test_request_that_may_succeed_later_is_repeated(failure):
    with Upstream(failure, json_response({"Item": KEY})) as server:
        under_test = ClientUnderTest(server.url)
        assert under_test.get_item()["Item"] == KEY
    assert len(server.received) == 2
    assert under_test.waits == [0.5]


def test_request_is_repeated_with_growing_waits_until_the_last_attempt():
    with Upstream(error_response("InternalServerError", 500)) as server:
        under_test = ClientUnderTest(server.url, max_attempts=4)
        with pytest.raises(ServiceError):
            under_test.get_item()
    assert len(server.received) == 4
    assert under_test.waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (error_response("ValidationException"), ServiceError),
        (error_response("AccessDeniedException"), ServiceError),
        (error_response("ConditionalCheckFailedException"), ConditionalCheckFailedException),
        (ScriptedResponse(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"), ServiceError),
        (ScriptedResponse(307, b"", {"location": "http://127.0.0.1:1/"}), ServiceError),
        (json_response([], 400), ServiceError),
    ],
    ids=["validation", "denied", "condition", "xml", "redirect", "list"],
)
def test_refused_request_is_not_repeated(response, kind):
    with Upstream(response) as server:
        with pytest.raises(kind) as failure:
            ClientUnderTest(server.url).get_item()
        assert len(server.received) == 1
    assert SECRET_KEY not in str(failure.value)
    assert "canary-token" not in str(failure.value)


def test_service_that_cannot_be_reached_raises_an_error_without_secrets():
    with pytest.raises(ConnectFailed) as failure:
        ClientUnderTest(f"http://127.0.0.1:{unused_port()}", max_attempts=1).get_item()
    assert SECRET_KEY not in str(failure.value)


def test_time_for_a_large_object_grows_with_its_size(monkeypatch):
    seconds = []
    sent = HttpClient.send

    def record_seconds(self, *arguments, **limits):
        seconds.append(limits["read_seconds"])
        return sent(self, *arguments, **limits)

    monkeypatch.setattr(HttpClient, "send", record_seconds)
    with Upstream(ScriptedResponse()) as server:
        store = mirror_bucket(AwsClients(create_environment(server.url)))
        put_in_mirror(store, b"x", "mirror/small.png")
        put_in_mirror(store, bytes(6_000_000), "mirror/large.png")
    assert seconds[1] - seconds[0] == pytest.approx(6.0, abs=0.1)


def test_slow_service_times_out_after_the_read_timeout():
    with Upstream(ScriptedResponse(delay=60)) as server, pytest.raises(TimeoutError):
        ClientUnderTest(server.url, read_timeout=0.2, max_attempts=1).get_item()


def test_request_is_signed_with_the_token_and_keeps_its_connection():
    with Upstream(json_response({})) as server:
        under_test = ClientUnderTest(server.url)
        under_test.get_item()
        under_test.get_item()
    first, second = server.received
    assert first.headers["x-amz-security-token"] == "canary-token"
    assert first.headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert first.headers["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKID/20270115/us-east-1/dynamodb/aws4_request, "
    )
    assert first.headers["authorization"] == second.headers["authorization"]


@pytest.fixture
def tls_server():
    with Upstream(json_response({"Item": KEY})) as server:
        context = tls_context_for("valid", "127.0.0.1")
        server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
        yield server.url.replace("http:", "https:")


def send_over_tls(url: str, ca_bundle: str):
    environment = replace(create_environment(url), ca_bundle=ca_bundle)
    config = ClientConfig(max_attempts=1, read_timeout=5)
    return AwsClients(environment).client("dynamodb", config).get_item(TableName=TABLE, Key=KEY)


def test_certificate_of_the_configured_bundle_is_trusted(tls_server, tmp_path):
    bundle = tmp_path / "ca.pem"
    certificate_authority().cert_pem.write_to_path(bundle)
    assert send_over_tls(tls_server, str(bundle))["Item"] == KEY


def test_certificate_of_an_unknown_authority_is_refused(tls_server):
    with pytest.raises(ConnectFailed, match="CERTIFICATE_VERIFY_FAILED"):
        send_over_tls(tls_server, "")


def mirror_bucket(aws, **settings):
    return MirrorBucket(Settings(bucket=BUCKET, **settings), FakeClock(), aws)


def put_in_mirror(store, data, key):
    stored = MirrorObject(key, "image/png", "private", {"source-host": "a.test"})
    with spool_body([data]) as body:
        return store.put(stored, body)


def test_mirrored_object_is_written_once_with_its_metadata(aws, boto3_client):
    store = mirror_bucket(aws)
    assert put_in_mirror(store, b"one", "mirror/once.png") is True
    assert put_in_mirror(store, b"one", "mirror/once.png") is False
    stored = boto3_client("s3").get_object(Bucket=BUCKET, Key="mirror/once.png")
    assert stored["Body"].read() == b"one"
    assert stored["Metadata"] == {"source-host": "a.test"}
    assert (stored["ContentType"], stored["CacheControl"]) == ("image/png", "private")


def test_mirrored_object_is_replaced_where_objects_are_deleted_by_age(aws):
    store = mirror_bucket(aws, mirror_days=30)
    assert put_in_mirror(store, b"one", "mirror/aged.png") is True
    assert put_in_mirror(store, b"one", "mirror/aged.png") is True


@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "OperationAborted"])
def test_busy_key_is_tried_again_and_a_taken_key_is_not(code):
    busy = ScriptedResponse(409, f"<Error><Code>{code}</Code></Error>".encode())
    taken = ScriptedResponse(412, b"<Error><Code>PreconditionFailed</Code></Error>")
    with Upstream(busy, busy, taken) as server:
        store = mirror_bucket(AwsClients(create_environment(server.url)))
        assert put_in_mirror(store, b"one", "mirror/busy.png") is False
        assert len(server.received) == 3


@pytest.mark.parametrize(
    "response",
    [
        ScriptedResponse(403, b"<Error><Code>AccessDenied</Code></Error>"),
        ScriptedResponse(404, b"<Error><Code>NoSuchBucket</Code></Error>"),
        ScriptedResponse(400, b"<Error><Code>BadDigest</Code></Error>"),
        ScriptedResponse(400, b"no XML"),
    ],
)
def test_refused_mirror_object_is_store_failed(response):
    with Upstream(response) as server:
        store = mirror_bucket(AwsClients(create_environment(server.url)))
        with pytest.raises(StoreFailed, match="did not accept"):
            put_in_mirror(store, b"one", "mirror/refused.png")


def test_unreachable_mirror_bucket_is_store_failed(monkeypatch):
    without_waits = SystemEffects(sleep=lambda _: None)
    monkeypatch.setattr(clients, "SystemEffects", lambda: without_waits)
    store = mirror_bucket(AwsClients(create_environment(f"http://127.0.0.1:{unused_port()}")))
    with pytest.raises(StoreFailed, match="cannot be reached"):
        put_in_mirror(store, b"one", "mirror/unreachable.png")
