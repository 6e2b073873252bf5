"""The secrets in Secrets Manager: the pepper and the provider keys, read in the background and cached."""

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
    """The JSON objects of the secrets: the pepper, and provider keys under the names of their environment variables.

    A function that calls no provider gets only the secret with the pepper. If both secrets have a variable, the one of
    the provider keys counts.
    """

    def __init__(self, settings: Settings, clock: Clock, aws: AwsClients) -> None:
        ids = (settings.pepper_secret_id, settings.secret_id)
        self._secret_ids = tuple(secret_id for secret_id in ids if secret_id)
        self._clock, self._aws = clock, aws
        self._pool = ThreadPoolExecutor(len(ids))
        self._lock = threading.Lock()
        self._pending_reads: tuple[Future[Mapping[str, str]], ...] = ()
        self._refresh_at = 0.0
        self._last_values: Mapping[str, str] | None = None

    def start_reading(self) -> None:
        """Start a read in the background, so that the request's body can be decoded meanwhile."""
        if self._secret_ids:
            self._current_reads()

    def read(self) -> Mapping[str, str]:
        """Return the variables of the secrets.

        Return the last known ones when a secret cannot be read again, and an empty mapping when none is configured.
        Raises GatewayMisconfigured when a secret could never be read.
        """
        if not self._secret_ids:
            return {}
        try:
            reads = [pending.result() for pending in self._current_reads()]
            self._last_values = {name: text for values in reads for name, text in values.items()}
        except Exception as error:
            self._refresh_at = 0.0
            if self._last_values is None:
                raise GatewayMisconfigured(
                    "The gateway cannot read its secret. Tell the gateway's operator.",
                    code="gateway_not_configured",
                ) from error
        return self._last_values

    def _current_reads(self) -> tuple[Future[Mapping[str, str]], ...]:
        with self._lock:
            if not self._pending_reads or self._clock.now() >= self._refresh_at:
                self._pending_reads = tuple(
                    self._pool.submit(self._fetch, secret_id) for secret_id in self._secret_ids
                )
                self._refresh_at = self._clock.now() + _SECRET_TTL_SECONDS
            return self._pending_reads

    def _fetch(self, secret_id: str) -> Mapping[str, str]:
        client = self._aws.client("secretsmanager")
        text = client.get_secret_value(SecretId=secret_id)["SecretString"]
        values = orjson.loads(text)
        return {str(name): _to_text(value) for name, value in values.items() if value}


def _to_text(value: object) -> str:
    """Return the value as text. An object, such as the virtual keys, becomes JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
