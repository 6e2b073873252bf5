"""Small clients of AWS services without boto3. They sign requests with the credentials of the environment.

boto3 takes 200 ms of CPU in a cold start and 2 ms for each PUT. These clients have the same methods and parameters as
boto3's clients, for the operations that an edit needs. Of DynamoDB's values of type B, those that are written and those
that `get_item` reads are bytes.
"""

from __future__ import annotations

import hashlib
import random
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.request_signature import (
    UNSIGNED_PAYLOAD,
    encode_path,
    sign_request,
)
from retouch.infrastructure.http1.client import HttpClient
from retouch.infrastructure.http1.response import Response

if TYPE_CHECKING:
    from retouch.infrastructure.aws.clients import ClientConfig

T = TypeVar("T")

_RETRYABLE_STATUSES = (429, 500, 502, 503, 504)
# As botocore's standard retry mode has them.
_RETRYABLE_CODES = (
    "ThrottlingException",
    "Throttling",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "SlowDown",
    "TooManyRequestsException",
    "PriorRequestNotComplete",
    "TransactionInProgressException",
)
_MAX_RETRY_WAIT_SECONDS = 20.0
_MIN_BYTES_PER_SECOND = 1_000_000  # A slower upload counts as one that hangs.


class ServiceError(Exception):
    """An error response of a service. `response` has the shape of botocore's ClientError.response."""

    def __init__(self, status: int, code: str, response: Mapping[str, Any]) -> None:
        super().__init__(f"{code or 'error'} (status {status})")
        self.status, self.code, self.response = status, code, response

    @property
    def is_retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in _RETRYABLE_STATUSES or self.code in _RETRYABLE_CODES


class ConditionalCheckFailedException(ServiceError):
    """A condition of a DynamoDB write does not hold. `response["Item"]` is the stored row if it was requested."""


class ServiceExceptions:
    """The exceptions that callers of a client catch, as boto3's clients have them."""

    ConditionalCheckFailedException = ConditionalCheckFailedException


@frozen_dataclass
class SystemEffects:
    """Time and randomness of a client, which tests replace."""

    unix_time: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random


class SignedSender:
    """Sends signed requests to one service and repeats those that failed, like botocore's standard retry mode."""

    def __init__(
        self,
        service: str,
        environment: AwsEnvironment,
        config: ClientConfig,
        effects: SystemEffects,
    ) -> None:
        self.endpoint = environment.endpoint(service)
        self._service, self.environment = service, environment
        self._max_attempts, self._effects = config.max_attempts, effects
        self._connect_seconds, self._read_seconds = config.connect_timeout, config.read_timeout
        self._http = HttpClient(environment.ca_bundle)

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, payload_hash: str
    ) -> bytes:
        """Return the body of the response. Raises ServiceError and OSError."""
        return self._repeat(
            lambda: _read_body(self._send_once(method, path, headers, body, payload_hash))
        )

    def open(self, path: str) -> Response:
        """Return the response to a GET, whose body is not read yet. Raises ServiceError and OSError."""
        return self._repeat(lambda: self._send_once("GET", path, {}, b"", UNSIGNED_PAYLOAD))

    def unix_time(self) -> float:
        """Return the time of the client's clock."""
        return self._effects.unix_time()

    def body_seconds(self, size: int) -> float:
        """Return the seconds that a body of this many bytes may take."""
        return self._read_seconds + size / _MIN_BYTES_PER_SECOND

    def _repeat(self, send: Callable[[], T]) -> T:
        for attempt in range(1, self._max_attempts + 1):
            try:
                return send()
            except (ServiceError, OSError) as error:
                is_final = isinstance(error, ServiceError) and not error.is_retryable
                if is_final or attempt == self._max_attempts:
                    raise
            wait = min(_MAX_RETRY_WAIT_SECONDS, 2.0 ** (attempt - 1))
            self._effects.sleep(self._effects.random() * wait)
        raise AssertionError("a client makes at least one attempt")

    def _send_once(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, payload_hash: str
    ) -> Response:
        signed = sign_request(
            method,
            self.endpoint,
            path,
            headers,
            payload_hash,
            self._service,
            self.environment,
            self._effects.unix_time(),
        )
        response = self._http.send(
            method,
            self.endpoint + encode_path(path),
            {**signed, **({"content-length": str(len(body))} if body else {})},
            (body,),
            connect_seconds=self._connect_seconds,
            read_seconds=self.body_seconds(len(body)),
        )
        if response.status >= 300:
            raise _parse_error(response.status, _read_body(response))
        return response


def _read_body(response: Response) -> bytes:
    try:
        return b"".join(response.iter_body())
    finally:
        response.close()


class JsonServiceClient:
    """A client of a service with one JSON document for each operation."""

    exceptions = ServiceExceptions

    def __init__(self, sender: SignedSender, target_prefix: str, version: str) -> None:
        self._sender, self._target_prefix = sender, target_prefix
        self._media_type = f"application/x-amz-json-{version}"

    def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the response to an operation such as "GetItem". Raises ServiceError and OSError."""
        body = orjson.dumps(parameters, default=_encode_bytes)
        headers = {
            "content-type": self._media_type,
            "x-amz-target": f"{self._target_prefix}.{operation}",
        }
        data = self._sender.send("POST", "/", headers, body, hashlib.sha256(body).hexdigest())
        response: dict[str, Any] = orjson.loads(data)
        return response


class DynamoDbClient(JsonServiceClient):
    """The operations of DynamoDB that the gateway uses."""

    def __init__(self, sender: SignedSender) -> None:
        super().__init__(sender, "DynamoDB_20120810", "1.0")

    def get_item(self, **parameters: Any) -> dict[str, Any]:
        """Read one row. Its values of type B are bytes."""
        response = self.call("GetItem", parameters)
        for value in response.get("Item", {}).values():
            if "B" in value:
                value["B"] = b64decode(value["B"])
        return response

    def put_item(self, **parameters: Any) -> dict[str, Any]:
        """Write one row."""
        return self.call("PutItem", parameters)

    def update_item(self, **parameters: Any) -> dict[str, Any]:
        """Change one row."""
        return self.call("UpdateItem", parameters)

    def delete_item(self, **parameters: Any) -> dict[str, Any]:
        """Remove one row."""
        return self.call("DeleteItem", parameters)

    def transact_write_items(self, **parameters: Any) -> dict[str, Any]:
        """Write several rows or none."""
        return self.call("TransactWriteItems", parameters)

    def query(self, **parameters: Any) -> dict[str, Any]:
        """Read one page of the rows of a partition."""
        return self.call("Query", parameters)

    def scan(self, **parameters: Any) -> dict[str, Any]:
        """Read one page of all rows."""
        return self.call("Scan", parameters)


class SecretsManagerClient(JsonServiceClient):
    """The operations of Secrets Manager that the gateway uses."""

    def __init__(self, sender: SignedSender) -> None:
        super().__init__(sender, "secretsmanager", "1.1")

    def get_secret_value(self, **parameters: Any) -> dict[str, Any]:
        """Read a secret."""
        return self.call("GetSecretValue", parameters)


class ParameterStoreClient(JsonServiceClient):
    """The operations of the Systems Manager Parameter Store that the gateway uses."""

    def __init__(self, sender: SignedSender) -> None:
        super().__init__(sender, "AmazonSSM", "1.1")

    def get_parameter(self, **parameters: Any) -> dict[str, Any]:
        """Read a parameter."""
        return self.call("GetParameter", parameters)

    def put_parameter(self, **parameters: Any) -> dict[str, Any]:
        """Write a parameter."""
        return self.call("PutParameter", parameters)

    def delete_parameter(self, **parameters: Any) -> dict[str, Any]:
        """Delete a parameter."""
        return self.call("DeleteParameter", parameters)


def _encode_bytes(value: object) -> str:
    """Return bytes as the services expect them in JSON. Raises TypeError for what JSON does not have."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"A request cannot contain a value of type {type(value).__name__}.")


def _parse_error(status: int, body: bytes) -> ServiceError:
    """Return the error of a JSON service or of S3, whose errors are XML."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        code = body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode("utf-8", "replace")
        return ServiceError(status, code, {"Error": {"Code": code}})
    if not isinstance(document, dict):
        return ServiceError(status, "", {"Error": {"Code": ""}})
    code = str(document.get("__type", "")).rpartition("#")[2]
    kind = (
        ConditionalCheckFailedException
        if code == "ConditionalCheckFailedException"
        else ServiceError
    )
    return kind(status, code, {**document, "Error": {"Code": code}})
