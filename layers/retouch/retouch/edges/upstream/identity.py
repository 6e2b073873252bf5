"""Who vouches for the gateway where there is no key: its AWS role, Google or Entra credentials.

Each is loaded when a provider first needs it: their libraries cost more than most requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from retouch.clock import Clock
from retouch.plan.resolve import Target

Identity = Callable[[Target, str, str, bytes], Mapping[str, str]]


class Identities:
    """Call it with a target whose provider wants an identity, and the request that is to be proven."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, Identity] = {}

    def __call__(self, target: Target, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """The headers that prove who asks. Misconfigured where nobody can."""
        assert target.provider.auth is not None, "only a provider with Auth asks"
        name = target.provider.auth.identity
        if name not in self._known:
            self._known[name] = _LOADED[name](self._clock)
        return self._known[name](target, method, url, body)


def _aws(_: Clock) -> Identity:
    from retouch.edges.upstream.identity_aws import AwsIdentity

    return AwsIdentity()


def _gcp(clock: Clock) -> Identity:
    from retouch.edges.upstream.identity_gcp import GcpIdentity

    return GcpIdentity(clock)


def _entra(clock: Clock) -> Identity:
    from retouch.edges.upstream.identity_entra import EntraIdentity

    return EntraIdentity(clock)


_LOADED: Mapping[str, Callable[[Clock], Identity]] = {"aws": _aws, "gcp": _gcp, "entra": _entra}
