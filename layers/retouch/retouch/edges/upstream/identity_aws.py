"""The function's own AWS role vouches for the gateway: requests signed with Signature Version 4.

The credentials are those that every AWS tool finds: the environment's, a profile's, the container's or the
machine's. botocore keeps them fresh and signs; it is loaded when the first request needs it. What is signed is
the URL as it is sent: a path's percent signs are encoded once more for the signature, as every service but S3 wants.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from retouch.cards import Provider
from retouch.errors import Misconfigured
from retouch.plan.resolve import Target

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials
    from botocore.session import Session

_REGION = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.")


class AwsIdentity:
    """Signs for the targets whose provider's scope is the name of an AWS service. Safe to call from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Session | None = None

    def __call__(self, target: Target, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """The headers that prove who asks, the body's JSON content type among them, since it is signed too.

        Misconfigured when there are no credentials, or neither the settings nor the address name a region.
        """
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        auth = target.provider.auth
        assert auth is not None, "only a provider with Auth asks"
        headers = {"Content-Type": "application/json"} if body else {}
        request = AWSRequest(method, url, headers, body)
        region = region_of(target, url)
        SigV4Auth(self._credentials(target.provider), auth.scope, region).add_auth(request)
        return dict(request.headers.items())

    def _credentials(self, provider: Provider) -> ReadOnlyCredentials:
        try:
            found = self._found()
            if found is not None:
                return found.get_frozen_credentials()
        except Exception as broken:  # botocore, and every source of credentials, has its own
            raise _without(provider) from broken
        raise _without(provider)

    def _found(self) -> Credentials | None:
        # One at a time: a session must not be shared while it looks for its credentials.
        from botocore.session import get_session

        with self._lock:
            self._session = self._session or get_session()
            return self._session.get_credentials()


def region_of(target: Target, url: str) -> str:
    """The region of the settings, else the one in the address. Misconfigured where neither names any."""
    named = _REGION.search(urlsplit(url).hostname or "")
    region = target.options.get("region") or (named[1] if named else "")
    if not region:
        provider = target.provider
        raise Misconfigured(
            f"{provider.title}'s address names no AWS region to sign for: set {provider.env}_REGION on the gateway."
        )
    return region


def _without(provider: Provider) -> Misconfigured:
    return Misconfigured(
        f"The gateway has no AWS credentials to ask {provider.title} with: "
        f"give its function a role, or set {provider.env}_API_KEY."
    )
