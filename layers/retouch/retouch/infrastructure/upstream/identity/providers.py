"""The identities that authenticate the gateway without a key: its AWS role, Google or Entra credentials.

Each one is loaded when a provider first needs it, because its libraries take longer to load than most requests take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from retouch.core.clock import Clock
from retouch.core.resolved_model import ResolvedModel

IdentityProvider = Callable[[ResolvedModel, str, str, bytes], Mapping[str, str]]


class IdentityProviders:
    """The identities of all providers.

    Call it with a model whose provider needs an identity, and the request to sign.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._providers: dict[str, IdentityProvider] = {}

    def __call__(
        self, model: ResolvedModel, method: str, url: str, body: bytes
    ) -> Mapping[str, str]:
        """Return the authentication headers. Raises GatewayMisconfigured when there are no credentials."""
        assert model.provider.auth is not None, "only a provider with Auth has an identity"
        name = model.provider.auth.identity
        if name not in self._providers:
            self._providers[name] = _FACTORIES[name](self._clock)
        return self._providers[name](model, method, url, body)


def _make_aws_identity(_: Clock) -> IdentityProvider:
    from retouch.infrastructure.upstream.identity.aws import AwsIdentity

    return AwsIdentity()


def _make_gcp_identity(clock: Clock) -> IdentityProvider:
    from retouch.infrastructure.upstream.identity.gcp import GcpIdentity

    return GcpIdentity(clock)


def _make_entra_identity(clock: Clock) -> IdentityProvider:
    from retouch.infrastructure.upstream.identity.entra import EntraIdentity

    return EntraIdentity(clock)


_FACTORIES: Mapping[str, Callable[[Clock], IdentityProvider]] = {
    "aws": _make_aws_identity,
    "gcp": _make_gcp_identity,
    "entra": _make_entra_identity,
}
