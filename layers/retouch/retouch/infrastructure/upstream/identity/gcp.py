"""Google tokens, for a provider on Google Cloud that is used without a key.

There are three sources, in this order: a service account's key, a workload identity federation from AWS, and what
google-auth finds by itself (Application Default Credentials). The first two are JSON in settings that only identities
can read. A token is cached until shortly before it expires. A response never contains the JSON or Google's message
about it, only OAuth's error code.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import urllib3
from urllib3.exceptions import HTTPError

from retouch.core.capabilities import Provider
from retouch.core.clock import Clock
from retouch.core.errors import (
    Fault,
    GatewayMisconfigured,
    Unauthorized,
    UpstreamError,
    UpstreamUnreachable,
)
from retouch.core.resolved_model import ResolvedModel

# google-auth and botocore are loaded where they are used: loading takes longer than most requests.
if TYPE_CHECKING:
    from google.auth.aws import AwsSecurityCredentials
    from google.auth.credentials import Credentials

AWS_SUBJECT_TOKEN_TYPE = "urn:ietf:params:aws:token-type:aws4_request"  # noqa: S105 - a type
_RENEWAL_MARGIN_SECONDS = 300.0  # seconds before its expiry at which a token is renewed
_MISSING_RETRY_SECONDS = 60.0  # seconds until the next search for credentials, when there were none
_DEFAULT_LIFETIME_SECONDS = 3600.0  # seconds for which a token without an expiry is cached
_TIMEOUT = urllib3.Timeout(connect=3.0, read=8.0)
_ERROR_CODE_PATTERN = re.compile(
    r"invalid_[a-z]+|unauthorized_client|unsupported_[a-z_]+|access_denied|PERMISSION_DENIED"
)


class GcpIdentity:
    """Bearer tokens for models on Google Cloud. Threads may share it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._transport = _Transport()
        self._cache: dict[tuple[str, str], tuple[Mapping[str, str], float]] = {}

    def __call__(
        self,
        model: ResolvedModel,
        method: str,  # noqa: ARG002 - only a signature needs these, a bearer token does not
        url: str,  # noqa: ARG002
        body: bytes,  # noqa: ARG002
    ) -> Mapping[str, str]:
        """Return the authentication headers, which are the same for every request.

        Raises Unauthorized without a project or without any credentials, GatewayMisconfigured when the credentials are
        invalid or rejected, and UpstreamUnreachable or UpstreamError when Google gives no token.
        """
        provider = model.provider
        secret_name = next(
            (name for name in provider.secrets if model.identity_secrets.get(name)), ""
        )
        # A request without a project uses express mode, which only accepts a key.
        headers = model.options.get("project") and self._cached_headers(model, secret_name)
        if not headers:
            raise _missing_credentials_error(provider)
        return headers

    def _cached_headers(self, model: ResolvedModel, secret_name: str) -> Mapping[str, str]:
        provider, text = model.provider, model.identity_secrets.get(secret_name, "")
        cache_key = (text, provider.auth.scope if provider.auth else "")
        # The lock lets one thread request the token. The others then find it in the cache.
        with self._lock:
            headers, expires_at = self._cache.get(cache_key, ({}, 0.0))
            if self._clock.now() >= expires_at:
                variable = f"{provider.env_prefix}_{secret_name.upper()}" if secret_name else ""
                headers, lifetime = self._fetch_headers(*cache_key, variable)
                self._cache[cache_key] = (headers, self._clock.now() + lifetime)
            return headers

    def _fetch_headers(
        self, text: str, scope: str, variable: str
    ) -> tuple[Mapping[str, str], float]:
        """Return fresh headers and their lifetime in seconds. The headers are empty when there are no credentials."""
        from google.auth.exceptions import GoogleAuthError, TransportError

        try:
            credentials = (
                _load_credentials(text, scope, variable)
                if text
                else self._default_credentials(scope)
            )
            if credentials is None:
                return {}, _MISSING_RETRY_SECONDS
            credentials.refresh(self._transport)  # type: ignore[no-untyped-call]
            return _auth_headers(credentials)
        except TransportError:
            raise UpstreamUnreachable(
                "Google cannot be reached for a token. Send the request again later."
            ) from None
        except GoogleAuthError as error:
            raise _refused_error(str(error.args), variable) from None
        except (ValueError, TypeError, KeyError):
            raise UpstreamError("Google responded without a token.", billed="no") from None

    def _default_credentials(self, scope: str) -> Credentials | None:
        """Return the Application Default Credentials: from a file, from gcloud or from the machine.

        None when there are none.
        """
        import google.auth
        from google.auth.exceptions import DefaultCredentialsError

        try:
            # The declared type is an abstract class, which a plain callable does not subclass.
            default = google.auth.default([scope], self._transport)  # type: ignore[arg-type]
        except DefaultCredentialsError:
            return None
        return default[0]


class _Transport:
    """The HTTP transport for google-auth. Its own urllib3 transport needs a package that the layer does not contain.

    There are no ambient proxies and no redirects. A status of 500 and above counts as a transport error, not as a
    refusal.
    """

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(maxsize=1, retries=False)

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> urllib3.BaseHTTPResponse:
        """Return the response. Raises TransportError when there is none."""
        from google.auth.exceptions import TransportError

        try:
            response = self._pool.request(
                method, url, body=body, headers=headers, timeout=_TIMEOUT, redirect=False
            )
        except (HTTPError, OSError):
            raise TransportError("no response") from None  # type: ignore[no-untyped-call]
        if response.status >= 500:
            raise TransportError(response.status)  # type: ignore[no-untyped-call]
        return response


class _AwsCredentialsSupplier:
    """The AWS credentials of the function, which authenticate it to Google.

    google-auth's own supplier knows only the environment and EC2. botocore also knows containers and web identities.
    """

    def get_aws_security_credentials(self, context: Any, request: Any) -> AwsSecurityCredentials:  # noqa: ARG002
        """Return the credentials that sign the subject token. Raises GatewayMisconfigured when there are none."""
        from botocore.session import get_session
        from google.auth.aws import AwsSecurityCredentials

        credentials = get_session().get_credentials()
        if credentials is None:
            raise GatewayMisconfigured("The gateway has no AWS credentials to present to Google.")
        frozen = credentials.get_frozen_credentials()
        return AwsSecurityCredentials(str(frozen.access_key), str(frozen.secret_key), frozen.token)

    def get_aws_region(self, context: Any, request: Any) -> str:  # noqa: ARG002
        """Return the region whose STS verifies the subject token. Any region can do it."""
        from botocore.session import get_session

        return get_session().get_config_variable("region") or "us-east-1"


def _load_credentials(text: str, scope: str, variable: str) -> Credentials:
    """Return the credentials in the operator's JSON. Raises GatewayMisconfigured, without any part of the JSON."""
    try:
        credentials = _parse_credentials(orjson.loads(text), scope)
    except (ValueError, TypeError, KeyError, AttributeError):
        credentials = None  # the error is raised below, because its cause would quote the JSON
    if credentials is None:
        raise GatewayMisconfigured(
            f"{variable} is not usable: it must be the JSON of a service account's key, or of a workload identity "
            "federation from AWS. Tell the gateway's operator."
        )
    return credentials


def _parse_credentials(info: Mapping[str, Any], scope: str) -> Credentials | None:
    from google.auth import aws
    from google.oauth2 import service_account

    credentials: Credentials | None = None
    if info.get("type") == "service_account":
        credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            info, scopes=[scope]
        )
    elif info.get("subject_token_type") == AWS_SUBJECT_TOKEN_TYPE:
        credentials = aws.Credentials.from_info(  # type: ignore[no-untyped-call]
            {name: value for name, value in info.items() if name != "credential_source"},
            scopes=[scope],
            aws_security_credentials_supplier=_AwsCredentialsSupplier(),
        )
    return credentials


def _auth_headers(credentials: Credentials) -> tuple[Mapping[str, str], float]:
    """Return the headers of fresh credentials, and the seconds for which they may be cached."""
    headers = {"Authorization": f"Bearer {credentials.token}"}
    if credentials.quota_project_id:
        headers["x-goog-user-project"] = credentials.quota_project_id
    if credentials.expiry is None:
        return headers, _DEFAULT_LIFETIME_SECONDS
    remaining = credentials.expiry - datetime.now(UTC).replace(tzinfo=None)
    return headers, remaining.total_seconds() - _RENEWAL_MARGIN_SECONDS


def _refused_error(message: str, variable: str) -> Fault:
    """Return the error for rejected credentials. It contains only OAuth's error code."""
    code_match = _ERROR_CODE_PATTERN.search(message)
    return GatewayMisconfigured(
        f"Google did not accept the credentials of {variable or 'the gateway'}"
        f" ({code_match[0] if code_match else 'no reason given'}). Tell the gateway's operator."
    )


def _missing_credentials_error(provider: Provider) -> Fault:
    """Return the error for missing credentials.

    The caller can send a key. The operator can set a key, or a project and the credentials for it.
    """
    env = provider.env_prefix
    secrets = " or ".join(f"{env}_{name.upper()}" for name in provider.secrets)
    return Unauthorized(
        f"No key for {provider.title}: send it as 'Authorization: Bearer ...', or set {env}_API_KEY on the gateway, "
        f"or {env}_PROJECT and {secrets}."
    )
