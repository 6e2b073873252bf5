"""Microsoft Entra vouches for the gateway where an Azure resource is used without a key.

Client credentials (OAuth 2.0, RFC 6749 section 4.4) from the settings that only identities see. A token is asked
for once and kept until shortly before it ends. What Entra says of a refusal stays out of the answer, but for its
error codes: its sentences name tenants and applications.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from urllib.parse import quote

import urllib3
from urllib3.exceptions import HTTPError

from retouch.cards import Provider
from retouch.clock import Clock
from retouch.errors import BadUpstream, Fault, Misconfigured, Unauthorized, Unreachable
from retouch.plan.resolve import Target

AUTHORITY = (
    "https://login.microsoftonline.com"  # of the public cloud; sovereign ones have their own
)
NEEDED = ("tenant_id", "client_id", "client_secret")
_EARLY = 300.0  # seconds before its end at which a token is renewed
_TIMEOUT = urllib3.Timeout(connect=3.0, read=8.0)
_CODE = re.compile(r"AADSTS[0-9]+")


class EntraIdentity:
    """Bearer tokens for the targets whose secrets hold client credentials. Safe to call from many threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pool = urllib3.PoolManager(maxsize=1, retries=False)
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, frozenset[tuple[str, str]]], tuple[str, float]] = {}

    def __call__(
        self,
        target: Target,
        method: str,  # noqa: ARG002 - a signature would need them, a bearer token does not
        url: str,  # noqa: ARG002
        body: bytes,  # noqa: ARG002
    ) -> Mapping[str, str]:
        """The header that shows who asks, the same for every request.

        Unauthorized without any credentials, Misconfigured when they are incomplete or refused, Unreachable or
        BadUpstream when Entra cannot say.
        """
        return {"Authorization": f"Bearer {self._token(*_order(target))}"}

    def _token(self, url: str, form: Mapping[str, str]) -> str:
        # One at a time: whoever comes second finds the token that the first one got.
        order = (url, frozenset(form.items()))
        with self._lock:
            token, until = self._kept.get(order, ("", 0.0))
            if self._clock.now() >= until:
                token, lifetime = _granted(self._ask(url, form))
                self._kept[order] = (token, self._clock.now() + lifetime - _EARLY)
            return token

    def _ask(self, url: str, form: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(
                "POST", url, fields=form, encode_multipart=False, timeout=_TIMEOUT, redirect=False
            )
        except (HTTPError, OSError):
            raise Unreachable("Microsoft Entra cannot be reached for a token.") from None


def _order(target: Target) -> tuple[str, dict[str, str]]:
    """Where to ask, and what."""
    given, provider = target.secrets, target.provider
    missing = [f"{provider.env}_{name.upper()}" for name in NEEDED if not given.get(name)]
    if missing:
        raise _lacking(provider, missing)
    authority = target.options.get("authority", AUTHORITY).rstrip("/")
    scope = target.options.get("scope") or (provider.auth.scope if provider.auth else "")
    url = f"{authority}/{quote(given['tenant_id'], safe='')}/oauth2/v2.0/token"
    credentials = {name: given[name] for name in ("client_id", "client_secret")}
    return url, {"grant_type": "client_credentials", "scope": scope, **credentials}


def _lacking(provider: Provider, missing: list[str]) -> Fault:
    """A caller without a key can send one; credentials that were begun are the operator's to finish."""
    names = " and ".join(missing)
    if len(missing) == len(NEEDED):
        return Unauthorized(
            f"No key for {provider.title}: send it as 'Authorization: Bearer ...', "
            f"or set {provider.env}_API_KEY or {names} on the gateway."
        )
    return Misconfigured(
        f"{provider.title} has no key, and its Entra credentials are incomplete: "
        f"set {names} on the gateway, or {provider.env}_API_KEY."
    )


def _granted(response: urllib3.BaseHTTPResponse) -> tuple[str, float]:
    """The token and its lifetime in seconds."""
    if 400 <= response.status < 500 and response.status != 429:
        raise Misconfigured(
            f"Microsoft Entra did not accept the gateway's credentials ({_reason(response)}). "
            "Tell the gateway's operator."
        )
    try:
        said = response.json()
        return str(said["access_token"]), float(said["expires_in"])
    except (ValueError, KeyError, TypeError):
        raise BadUpstream(
            f"Microsoft Entra answered {response.status} without a token.", billed="no"
        ) from None


def _reason(response: urllib3.BaseHTTPResponse) -> str:
    """Entra's own code of an error, e.g. AADSTS7000215 for a wrong secret."""
    found = _CODE.search(response.data.decode(errors="replace"))
    return found[0] if found else str(response.status)
