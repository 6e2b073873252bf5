"""The AWS clients of the process: one session, and one client per service. boto3 is loaded for its first client.

With credentials in the environment, as in Lambda, the small clients of `signed_clients` take the place of boto3's. A
session loads a service's description once. That takes 100 ms for the first client and nothing for the next. A
session must not create clients in several threads at once. Threads may share the clients themselves.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.infrastructure.aws.boto3_objects import Boto3Objects
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.object_access import ObjectAccess
from retouch.infrastructure.aws.signed_clients import (
    DynamoDbClient,
    ParameterStoreClient,
    SecretsManagerClient,
    SignedSender,
    SystemEffects,
)
from retouch.infrastructure.aws.signed_objects import SignedObjects

if TYPE_CHECKING:
    from boto3 import Session

_SIGNED_CLIENTS = {
    "dynamodb": DynamoDbClient,
    "secretsmanager": SecretsManagerClient,
    "ssm": ParameterStoreClient,
}
# Callers may name any region for a guardrail, so the number of clients has a limit. The oldest one is dropped.
_MAX_KEPT_CLIENTS = 16


@frozen_dataclass
class ClientConfig:
    """The limits of a client: connect and read timeouts in seconds, total attempts, and open connections."""

    connect_timeout: float = 3.0
    read_timeout: float = 10.0
    max_attempts: int = 3
    max_connections: int = 10


_DEFAULT_CONFIG = ClientConfig()


class AwsClients:
    """A factory that creates and caches clients. Threads may share it."""

    def __init__(self, environment: AwsEnvironment | None = None) -> None:
        """Create the factory. Without an environment, every client is boto3's."""
        self._environment = environment
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._regions: frozenset[str] = frozenset()
        self._clients: dict[tuple[str, ClientConfig, str, str], Any] = {}
        self._objects: dict[ClientConfig, SignedObjects] = {}

    def objects(self, config: ClientConfig) -> ObjectAccess:
        """Return the client of S3's objects with this config. Raises botocore's errors."""
        if self._environment is None:
            return Boto3Objects(self.client("s3", config))
        objects = self._objects.get(config)
        if objects is None:
            sender = SignedSender("s3", self._environment, config, SystemEffects())
            objects = self._objects[config] = SignedObjects(sender)
        return objects

    def client(
        self,
        service: str,
        config: ClientConfig = _DEFAULT_CONFIG,
        *,
        region: str = "",
        endpoint: str = "",
    ) -> Any:
        """Return the one client of a service with this config.

        The environment gives the region and the endpoint when the caller does not. Raises botocore's errors, for
        example when there is no region.
        """
        cache_key = service, config, region, endpoint
        # without the lock, which another client's creation may hold
        client = self._clients.get(cache_key)
        if client is None:
            with self._lock:
                client = self._clients.get(cache_key) or self._create_client(*cache_key)
        return client

    def is_region(self, region: str) -> bool:
        """Return whether the region exists, as far as the AWS SDK knows."""
        with self._lock:
            if not self._regions:
                self._regions = self._read_regions()
        return region in self._regions

    def _read_regions(self) -> frozenset[str]:
        import boto3

        self._session = session = self._session or boto3.Session()
        partitions = session.get_available_partitions()
        # EC2 is in every region.
        return frozenset(r for p in partitions for r in session.get_available_regions("ec2", p))

    def _create_client(self, service: str, config: ClientConfig, region: str, endpoint: str) -> Any:
        signed_client = _SIGNED_CLIENTS.get(service)
        if signed_client is None or self._environment is None or region or endpoint:
            return self._create_boto3_client(service, config, region, endpoint)
        sender = SignedSender(service, self._environment, config, SystemEffects())
        client = signed_client(sender)
        self._clients[service, config, region, endpoint] = client
        return client

    def _create_boto3_client(
        self, service: str, config: ClientConfig, region: str, endpoint: str
    ) -> Any:
        import boto3

        self._session = self._session or boto3.Session()
        make_client: Any = self._session.client  # typed for literal names of services only
        options = {"region_name": region or None, "endpoint_url": endpoint or None}
        client = make_client(service, config=_botocore_config(service, config), **options)
        # botocore creates the classes of errors at their first use. Threads that first use them at the same time get
        # different classes of one name, and `except` misses the error of another thread's class.
        _ = client.exceptions
        if self._session.get_credentials():  # a client made without credentials never gets any
            if len(self._clients) >= _MAX_KEPT_CLIENTS:
                self._clients.pop(next(iter(self._clients)))
            self._clients[service, config, region, endpoint] = client
        return client


def _botocore_config(service: str, config: ClientConfig) -> Any:
    from botocore.config import Config

    return Config(
        connect_timeout=config.connect_timeout,
        read_timeout=config.read_timeout,
        retries={"mode": "standard", "total_max_attempts": config.max_attempts},
        max_pool_connections=config.max_connections,
        signature_version="s3v4" if service == "s3" else None,
        # Over TLS, a hash of the body for the signature, or a check on read, adds nothing to the checksum header.
        s3={"addressing_style": "path", "payload_signing_enabled": False},
        response_checksum_validation="when_required",
    )
