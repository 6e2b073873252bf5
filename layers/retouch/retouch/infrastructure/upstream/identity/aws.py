"""Requests that the function's own AWS role signs with Signature Version 4.

The credentials are those that every AWS tool finds: from the environment, a profile, the container or the machine.
botocore refreshes them and signs. It is loaded when the first request needs it. The signature covers the URL as sent:
the path's percent signs are encoded a second time for the signature, which every service except S3 requires.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from retouch.core.capabilities import Provider
from retouch.core.errors import GatewayMisconfigured
from retouch.core.resolved_model import ResolvedModel

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials
    from botocore.session import Session

_REGION_PATTERN = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.")


class AwsIdentity:
    """The signer for providers whose auth scope is the name of an AWS service. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Session | None = None

    def __call__(
        self, model: ResolvedModel, method: str, url: str, body: bytes
    ) -> Mapping[str, str]:
        """Return the authentication headers. They include the body's JSON content type, which is signed too.

        Raises GatewayMisconfigured when there are no credentials, or when neither the settings nor the URL name a
        region.
        """
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        auth = model.provider.auth
        assert auth is not None, "only a provider with Auth has an identity"
        headers = {"Content-Type": "application/json"} if body else {}
        request = AWSRequest(method, url, headers, body)
        region = signing_region(model, url)
        SigV4Auth(self._frozen_credentials(model.provider), auth.scope, region).add_auth(request)
        return dict(request.headers.items())

    def _frozen_credentials(self, provider: Provider) -> ReadOnlyCredentials:
        try:
            credentials = self._find_credentials()
            if credentials is not None:
                return credentials.get_frozen_credentials()
        except Exception as error:  # botocore and each source of credentials have their own errors
            raise _missing_credentials_error(provider) from error
        raise _missing_credentials_error(provider)

    def _find_credentials(self) -> Credentials | None:
        # Threads must not share a session while it looks for its credentials.
        from botocore.session import get_session

        with self._lock:
            self._session = self._session or get_session()
            return self._session.get_credentials()


def signing_region(model: ResolvedModel, url: str) -> str:
    """Return the region of the settings, else the region in the URL.

    Raises GatewayMisconfigured when there is neither.
    """
    region_match = _REGION_PATTERN.search(urlsplit(url).hostname or "")
    region = model.options.get("region") or (region_match[1] if region_match else "")
    if not region:
        provider = model.provider
        raise GatewayMisconfigured(
            f"{provider.title}'s address names no AWS region to sign for: "
            f"set {provider.env_prefix}_REGION on the gateway."
        )
    return region


def _missing_credentials_error(provider: Provider) -> GatewayMisconfigured:
    return GatewayMisconfigured(
        f"The gateway has no AWS credentials for {provider.title}: "
        f"give its function a role, or set {provider.env_prefix}_API_KEY."
    )
