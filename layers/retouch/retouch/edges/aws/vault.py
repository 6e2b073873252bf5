"""The one secret and the table of keys. Read in the background, kept for minutes, shown to nobody."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import orjson

from retouch.clock import Clock
from retouch.edges.aws.session import Aws
from retouch.errors import Misconfigured
from retouch.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_FRESH = 300.0  # seconds until the secret is read again; a rotated key works after that
_REMEMBERED = (
    60.0  # seconds until a key is looked up again; a revoked one works no longer than that
)
_MOST_REMEMBERED = 10_000


class Vault:
    """The secret's JSON object: the pepper, and provider keys under the names of their variables."""

    def __init__(self, settings: Settings, clock: Clock, aws: Aws) -> None:
        self._secret_id, self._clock, self._aws = settings.secret_id, clock, aws
        self._pool = ThreadPoolExecutor(1)
        self._lock = threading.Lock()
        self._pending: Future[Mapping[str, str]] | None = None
        self._until = 0.0
        self._known: Mapping[str, str] | None = None

    def warm(self) -> None:
        """Start reading, so that the request's body can be decoded meanwhile."""
        if self._secret_id:
            self._future()

    def read(self) -> Mapping[str, str]:
        """The secret's variables; the last known ones where it cannot be read again, empty where none is configured.

        Misconfigured when it could never be read.
        """
        if not self._secret_id:
            return {}
        try:
            self._known = self._future().result()
        except Exception as broken:
            self._until = 0.0
            if self._known is None:
                raise Misconfigured(
                    "The gateway cannot read its secret.", code="gateway_not_configured"
                ) from broken
        return self._known

    def _future(self) -> Future[Mapping[str, str]]:
        with self._lock:
            if self._pending is None or self._clock.now() >= self._until:
                self._pending = self._pool.submit(self._fetch)
                self._until = self._clock.now() + _FRESH
            return self._pending

    def _fetch(self) -> Mapping[str, str]:
        client = self._aws.client("secretsmanager")
        text = client.get_secret_value(SecretId=self._secret_id)["SecretString"]
        known = orjson.loads(text)
        return {str(name): _text(value) for name, value in known.items() if value}


def _text(value: object) -> str:
    """A value as a variable holds it: an object, such as the virtual keys', as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


class KeyTable:
    """Gateway keys in DynamoDB, by digest: {id, name, revoked?}."""

    def __init__(self, settings: Settings, clock: Clock, aws: Aws) -> None:
        self._table, self._clock, self._aws = settings.keys_table, clock, aws
        self._remembered: dict[str, tuple[float, str | None]] = {}

    def __call__(self, digest: str) -> str | None:
        """The key's name; None for an unknown or revoked one."""
        until, name = self._remembered.get(digest, (0.0, None))
        if self._clock.now() < until:
            return name
        name = self._asked(digest) if self._table else None
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = (self._clock.now() + _REMEMBERED, name)
        return name

    @property
    def _client(self) -> DynamoDBClient:
        client: DynamoDBClient = self._aws.client("dynamodb")
        return client

    def _asked(self, digest: str) -> str | None:
        try:
            return self._look_up(digest)
        except Exception as broken:
            raise Misconfigured(
                "The gateway cannot read its keys.", code="gateway_not_configured"
            ) from broken

    def _look_up(self, digest: str) -> str | None:
        answer = self._client.get_item(
            TableName=self._table, Key={"id": {"S": digest}}, ConsistentRead=True
        )
        item = answer.get("Item", {})
        known = hmac.compare_digest(item.get("id", {}).get("S", ""), digest)
        return item["name"]["S"] if known and "revoked" not in item else None
