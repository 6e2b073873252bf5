"""The saved configs in the stack's bucket."""

from __future__ import annotations

from retouch.core.errors import GatewayMisconfigured
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from retouch.infrastructure.aws.object_bucket import ObjectBucket

_MAX_CONFIG_BYTES = 262_144  # a config with the maximum number of targets is far smaller


class ConfigBucket:
    """The reader of the bucket's objects under configs/. It reads nothing else."""

    def __init__(self, settings: Settings, aws: AwsClients) -> None:
        self._bucket = ObjectBucket(settings.bucket, aws, ClientConfig())

    def read(self, key: str) -> bytes | None:
        """Return the object at "configs/...", or None when there is no object or no bucket.

        Raises GatewayMisconfigured when S3 fails.
        """
        if not self._bucket.name:
            return None
        try:
            return self._get_object(key)
        except Exception as error:
            raise GatewayMisconfigured(
                "The gateway cannot read its saved configs. Tell the gateway's operator.",
                code="gateway_not_configured",
            ) from error

    def _get_object(self, key: str) -> bytes | None:
        response = self._bucket.open(key)
        return response.read(_MAX_CONFIG_BYTES) if response else None
