"""Who pays the provider of a target: the operator, a virtual key, or the caller with its own key."""

from __future__ import annotations

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.gateway.routing.credential_rules import SOURCE_REQUEST, SOURCE_TARGET, Credential
from retouch.tenants.keys import VirtualKeyRecord


@frozen_dataclass
class Payer:
    """The payer of one target."""

    virtual_key: str = ""  # its name; empty: another key
    limits: VirtualKeyRecord | None = None  # of the virtual key, if it has limits
    is_caller: bool = False


def payer_of(credential: Credential, is_saved_config: bool) -> Payer:
    """Return who pays with a credential. The keys in a saved config are not the caller's."""
    virtual_key = credential.virtual_key
    if virtual_key is None:
        is_own_config = credential.source == SOURCE_TARGET and not is_saved_config
        return Payer(is_caller=credential.source == SOURCE_REQUEST or is_own_config)
    record = virtual_key.record
    has_limits = record is not None and (record.usage_limits or record.rate_limits)
    return Payer(virtual_key.name, record if has_limits else None)
