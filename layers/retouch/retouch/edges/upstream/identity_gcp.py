"""Google vouches for the gateway where a provider on Google Cloud is used without a key.

Three sources, in this order: a service account's key or a workload identity federation from AWS, both as JSON in the
settings that only identities see, else what google-auth finds by itself (Application Default Credentials). A token is
asked for once and kept until shortly before it ends. Neither the JSON nor Google's sentences about it get into an
answer, only OAuth's own word for the error.
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

from retouch.cards import Provider
from retouch.clock import Clock
from retouch.errors import BadUpstream, Fault, Misconfigured, Unauthorized, Unreachable
from retouch.plan.resolve import Target

# google-auth and botocore are loaded where they are used: they cost more than most requests.
if TYPE_CHECKING:
    from google.auth.aws import AwsSecurityCredentials
    from google.auth.credentials import Credentials

AWS_REQUEST = "urn:ietf:params:aws:token-type:aws4_request"
_EARLY = 300.0  # seconds before its end at which a token is renewed
_NONE_FOUND = 60.0  # seconds until credentials are looked for again where there were none
_ENDLESS = 3600.0  # seconds for which a token without an end is kept
_TIMEOUT = urllib3.Timeout(connect=3.0, read=8.0)
_CODE = re.compile(
    r"invalid_[a-z]+|unauthorized_client|unsupported_[a-z_]+|access_denied|PERMISSION_DENIED"
)


class GcpIdentity:
    """Bearer tokens for targets on Google Cloud. Safe to call from many threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._transport = _Transport()
        self._kept: dict[tuple[str, str], tuple[Mapping[str, str], float]] = {}

    def __call__(
        self,
        target: Target,
        method: str,  # noqa: ARG002 - a signature would need them, a bearer token does not
        url: str,  # noqa: ARG002
        body: bytes,  # noqa: ARG002
    ) -> Mapping[str, str]:
        """The headers that show who asks, the same for every request.

        Unauthorized without a project or any credentials, Misconfigured when they are broken or refused, Unreachable
        or BadUpstream when Google cannot say.
        """
        provider = target.provider
        named = next((name for name in provider.secrets if target.secrets.get(name)), "")
        # Without a project the request is one of express mode, which only a key can pay for.
        found = target.options.get("project") and self._headers(target, named)
        if not found:
            raise _lacking(provider)
        return found

    def _headers(self, target: Target, named: str) -> Mapping[str, str]:
        provider, text = target.provider, target.secrets.get(named, "")
        order = (text, provider.auth.scope if provider.auth else "")
        # One at a time: whoever comes second finds the token that the first one got.
        with self._lock:
            headers, until = self._kept.get(order, ({}, 0.0))
            if self._clock.now() >= until:
                where = f"{provider.env}_{named.upper()}" if named else ""
                headers, good_for = self._renewed(*order, where)
                self._kept[order] = (headers, self._clock.now() + good_for)
            return headers

    def _renewed(self, text: str, scope: str, where: str) -> tuple[Mapping[str, str], float]:
        """The headers, and the seconds for which they may be kept; empty where there are no credentials."""
        from google.auth.exceptions import GoogleAuthError, TransportError

        try:
            credentials = _configured(text, scope, where) if text else self._ambient(scope)
            if credentials is None:
                return {}, _NONE_FOUND
            credentials.refresh(self._transport)  # type: ignore[no-untyped-call]
            return _shown(credentials)
        except TransportError:
            raise Unreachable("Google cannot be reached for a token.") from None
        except GoogleAuthError as refused:
            raise _refused(str(refused.args), where) from None
        except (ValueError, TypeError, KeyError):
            raise BadUpstream("Google answered without a token.", billed="no") from None

    def _ambient(self, scope: str) -> Credentials | None:
        """Application Default Credentials: a file, gcloud's, or those of the machine."""
        import google.auth
        from google.auth.exceptions import DefaultCredentialsError

        try:
            # The interface asks for a subclass of nothing but abstract methods.
            found = google.auth.default([scope], self._transport)  # type: ignore[arg-type]
        except DefaultCredentialsError:
            return None
        return found[0]


class _Transport:
    """google-auth's way out. Its own for urllib3 wants a package that the layer does not carry.

    No ambient proxies, no redirects; an answer of 500 and above is a broken way, not a refusal.
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
        """The answer; TransportError where there is none."""
        from google.auth.exceptions import TransportError

        try:
            response = self._pool.request(
                method, url, body=body, headers=headers, timeout=_TIMEOUT, redirect=False
            )
        except (HTTPError, OSError):
            raise TransportError("no answer") from None  # type: ignore[no-untyped-call]
        if response.status >= 500:
            raise TransportError(response.status)  # type: ignore[no-untyped-call]
        return response


class _AwsRole:
    """The credentials that AWS gave the function, to prove to Google who it is.

    google-auth's own supplier knows the environment and EC2 only; botocore also knows containers and web identities.
    """

    def get_aws_security_credentials(self, context: Any, request: Any) -> AwsSecurityCredentials:  # noqa: ARG002
        """What signs the proof. Misconfigured when AWS has given nothing."""
        from botocore.session import get_session
        from google.auth.aws import AwsSecurityCredentials

        held = get_session().get_credentials()
        if held is None:
            raise Misconfigured("The gateway has no AWS credentials to show to Google.")
        now = held.get_frozen_credentials()
        return AwsSecurityCredentials(str(now.access_key), str(now.secret_key), now.token)

    def get_aws_region(self, context: Any, request: Any) -> str:  # noqa: ARG002
        """Where STS is to confirm the proof; every region can."""
        from botocore.session import get_session

        return get_session().get_config_variable("region") or "us-east-1"


def _configured(text: str, scope: str, where: str) -> Credentials:
    """The credentials that the operator gave as JSON. Misconfigured without a word of the JSON."""
    try:
        credentials = _read(orjson.loads(text), scope)
    except (ValueError, TypeError, KeyError, AttributeError):
        credentials = None  # raised below, so that no cause hangs on it which quotes the JSON
    if credentials is None:
        raise Misconfigured(
            f"{where} is not usable: it must be the JSON of a service account's key, or of a workload identity "
            "federation from AWS. Tell the gateway's operator."
        )
    return credentials


def _read(info: Mapping[str, Any], scope: str) -> Credentials | None:
    from google.auth import aws
    from google.oauth2 import service_account

    made: Credentials | None = None
    if info.get("type") == "service_account":
        made = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            info, scopes=[scope]
        )
    elif info.get("subject_token_type") == AWS_REQUEST:
        made = aws.Credentials.from_info(  # type: ignore[no-untyped-call]
            {name: value for name, value in info.items() if name != "credential_source"},
            scopes=[scope],
            aws_security_credentials_supplier=_AwsRole(),
        )
    return made


def _shown(credentials: Credentials) -> tuple[Mapping[str, str], float]:
    """The headers of fresh credentials, and the seconds for which they may be kept."""
    headers = {"Authorization": f"Bearer {credentials.token}"}
    if credentials.quota_project_id:
        headers["x-goog-user-project"] = credentials.quota_project_id
    if credentials.expiry is None:
        return headers, _ENDLESS
    left = credentials.expiry - datetime.now(UTC).replace(tzinfo=None)
    return headers, left.total_seconds() - _EARLY


def _refused(said: str, where: str) -> Fault:
    """Google's no: OAuth's word for it and nothing else."""
    found = _CODE.search(said)
    return Misconfigured(
        f"Google did not accept the credentials of {where or 'the gateway'}"
        f" ({found[0] if found else 'no reason given'}). Tell the gateway's operator."
    )


def _lacking(provider: Provider) -> Fault:
    """A caller without a key can send one, an operator can give one or a project and who vouches in it."""
    env = provider.env
    secrets = " or ".join(f"{env}_{name.upper()}" for name in provider.secrets)
    return Unauthorized(
        f"No key for {provider.title}: send it as 'Authorization: Bearer ...', or set {env}_API_KEY on the gateway, "
        f"or {env}_PROJECT and {secrets}."
    )
