"""The DynamoDB table of gateway keys. A known key is cached for a minute."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from retouch.core.clock import Clock
from retouch.core.errors import GatewayMisconfigured
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.tenants.keys import GatewayKey, plain_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# seconds until a key is looked up again; the longest time that a revoked key works
_KEY_TTL_SECONDS = 60.0
_MAX_CACHED_KEYS = 10_000


class ApiKeyTable:
    """Gateway keys in DynamoDB, by digest: {id, name, revoked?}."""

    def __init__(self, settings: Settings, clock: Clock, aws: AwsClients) -> None:
        self._table, self._clock, self._aws = settings.keys_table, clock, aws
        self._cached_keys: dict[str, tuple[float, GatewayKey | None]] = {}

    def __call__(self, digest: str) -> GatewayKey | None:
        """Return the key, or None for an unknown or revoked key."""
        expires_at, key = self._cached_keys.get(digest, (0.0, None))
        if self._clock.now() < expires_at:
            return key
        key = self._look_up_key(digest) if self._table else None
        if len(self._cached_keys) >= _MAX_CACHED_KEYS:
            self._cached_keys.clear()
        self._cached_keys[digest] = (self._clock.now() + _KEY_TTL_SECONDS, key)
        return key

    @property
    def _client(self) -> DynamoDBClient:
        client: DynamoDBClient = self._aws.client("dynamodb")
        return client

    def _look_up_key(self, digest: str) -> GatewayKey | None:
        try:
            return self._read_key(digest)
        except Exception as error:
            raise GatewayMisconfigured(
                "The gateway cannot read its keys. Tell the gateway's operator.",
                code="gateway_not_configured",
            ) from error

    def _read_key(self, digest: str) -> GatewayKey | None:
        response = self._client.get_item(
            TableName=self._table, Key={"id": {"S": digest}}, ConsistentRead=True
        )
        item = response.get("Item", {})
        is_match = hmac.compare_digest(item.get("id", {}).get("S", ""), digest)
        return plain_key(item["name"]["S"], digest) if is_match and "revoked" not in item else None
