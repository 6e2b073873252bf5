"""Microsoft Entra tokens, for an Azure resource that is used without a key.

The client credentials (OAuth 2.0, RFC 6749 section 4.4) come from settings that only identities can read. A token is
cached until shortly before it expires. Error messages contain only Entra's error codes. Its sentences stay out,
because they name tenants and applications.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from urllib.parse import quote

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

# the public cloud; sovereign clouds have their own
DEFAULT_AUTHORITY = "https://login.microsoftonline.com"
REQUIRED_SECRETS = ("tenant_id", "client_id", "client_secret")
_RENEWAL_MARGIN_SECONDS = 300.0  # seconds before its expiry at which a token is renewed
_TIMEOUT = urllib3.Timeout(connect=3.0, read=8.0)
_ERROR_CODE_PATTERN = re.compile(r"AADSTS[0-9]+")


class EntraIdentity:
    """Bearer tokens for models whose secrets contain client credentials. Threads may share it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pool = urllib3.PoolManager(maxsize=1, retries=False)
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str, frozenset[tuple[str, str]]], tuple[str, float]] = {}

    def __call__(
        self,
        model: ResolvedModel,
        method: str,  # noqa: ARG002 - only a signature needs these, a bearer token does not
        url: str,  # noqa: ARG002
        body: bytes,  # noqa: ARG002
    ) -> Mapping[str, str]:
        """Return the authentication header, which is the same for every request.

        Raises Unauthorized when there are no credentials, GatewayMisconfigured when they are incomplete or rejected,
        and UpstreamUnreachable or UpstreamError when Entra gives no token.
        """
        return {"Authorization": f"Bearer {self._get_token(*_token_request(model))}"}

    def _get_token(self, url: str, form: Mapping[str, str]) -> str:
        # The lock lets one thread request the token. The others then find it in the cache.
        cache_key = (url, frozenset(form.items()))
        with self._lock:
            token, expires_at = self._tokens.get(cache_key, ("", 0.0))
            if self._clock.now() >= expires_at:
                token, lifetime = _parse_token_response(self._request_token(url, form))
                self._tokens[cache_key] = (
                    token,
                    self._clock.now() + lifetime - _RENEWAL_MARGIN_SECONDS,
                )
            return token

    def _request_token(self, url: str, form: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(
                "POST", url, fields=form, encode_multipart=False, timeout=_TIMEOUT, redirect=False
            )
        except (HTTPError, OSError):
            raise UpstreamUnreachable(
                "Microsoft Entra cannot be reached for a token. Send the request again later."
            ) from None


def _token_request(model: ResolvedModel) -> tuple[str, dict[str, str]]:
    """Return the URL and the form of the token request."""
    secrets, provider = model.identity_secrets, model.provider
    missing = [
        f"{provider.env_prefix}_{name.upper()}"
        for name in REQUIRED_SECRETS
        if not secrets.get(name)
    ]
    if missing:
        raise _missing_credentials_error(provider, missing)
    authority = model.options.get("authority", DEFAULT_AUTHORITY).rstrip("/")
    scope = model.options.get("scope") or (provider.auth.scope if provider.auth else "")
    url = f"{authority}/{quote(secrets['tenant_id'], safe='')}/oauth2/v2.0/token"
    credentials = {name: secrets[name] for name in ("client_id", "client_secret")}
    return url, {"grant_type": "client_credentials", "scope": scope, **credentials}


def _missing_credentials_error(provider: Provider, missing: list[str]) -> Fault:
    """Return the error for missing credentials.

    Without any credentials, the caller can send a key. Incomplete credentials are for the operator to complete.
    """
    names = " and ".join(missing)
    if len(missing) == len(REQUIRED_SECRETS):
        return Unauthorized(
            f"No key for {provider.title}: send it as 'Authorization: Bearer ...', "
            f"or set {provider.env_prefix}_API_KEY or {names} on the gateway."
        )
    return GatewayMisconfigured(
        f"{provider.title} has no key, and its Entra credentials are incomplete: "
        f"set {names} on the gateway, or {provider.env_prefix}_API_KEY."
    )


def _parse_token_response(response: urllib3.BaseHTTPResponse) -> tuple[str, float]:
    """Return the token and its lifetime in seconds."""
    if 400 <= response.status < 500 and response.status != 429:
        raise GatewayMisconfigured(
            f"Microsoft Entra did not accept the gateway's credentials ({_error_code(response)}). "
            "Tell the gateway's operator."
        )
    try:
        document = response.json()
        return str(document["access_token"]), float(document["expires_in"])
    except (ValueError, KeyError, TypeError):
        raise UpstreamError(
            f"Microsoft Entra responded with {response.status} and without a token.", billed="no"
        ) from None


def _error_code(response: urllib3.BaseHTTPResponse) -> str:
    """Return Entra's error code, for example AADSTS7000215 for a wrong secret."""
    code_match = _ERROR_CODE_PATTERN.search(response.data.decode(errors="replace"))
    return code_match[0] if code_match else str(response.status)
