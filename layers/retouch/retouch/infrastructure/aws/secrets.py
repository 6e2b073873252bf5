"""The secret in Secrets Manager: the pepper and the provider keys, read in the background and cached."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import orjson

from retouch.core.clock import Clock
from retouch.core.errors import GatewayMisconfigured
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients

_SECRET_TTL_SECONDS = 300.0  # seconds until the secret is read again and a rotated key works


class SecretStore:
    """The secret's JSON object: the pepper, and provider keys under the names of their environment variables."""

    def __init__(self, settings: Settings, clock: Clock, aws: AwsClients) -> None:
        self._secret_id, self._clock, self._aws = settings.secret_id, clock, aws
        self._pool = ThreadPoolExecutor(1)
        self._lock = threading.Lock()
        self._pending_read: Future[Mapping[str, str]] | None = None
        self._refresh_at = 0.0
        self._last_values: Mapping[str, str] | None = None

    def start_reading(self) -> None:
        """Start a read in the background, so that the request's body can be decoded meanwhile."""
        if self._secret_id:
            self._current_read()

    def read(self) -> Mapping[str, str]:
        """Return the secret's variables.

        Return the last known ones when the secret cannot be read again, and an empty mapping when none is configured.
        Raises GatewayMisconfigured when the secret could never be read.
        """
        if not self._secret_id:
            return {}
        try:
            self._last_values = self._current_read().result()
        except Exception as error:
            self._refresh_at = 0.0
            if self._last_values is None:
                raise GatewayMisconfigured(
                    "The gateway cannot read its secret.", code="gateway_not_configured"
                ) from error
        return self._last_values

    def _current_read(self) -> Future[Mapping[str, str]]:
        with self._lock:
            if self._pending_read is None or self._clock.now() >= self._refresh_at:
                self._pending_read = self._pool.submit(self._fetch)
                self._refresh_at = self._clock.now() + _SECRET_TTL_SECONDS
            return self._pending_read

    def _fetch(self) -> Mapping[str, str]:
        client = self._aws.client("secretsmanager")
        text = client.get_secret_value(SecretId=self._secret_id)["SecretString"]
        values = orjson.loads(text)
        return {str(name): _to_text(value) for name, value in values.items() if value}


def _to_text(value: object) -> str:
    """Return the value as text. An object, such as the virtual keys, becomes JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
