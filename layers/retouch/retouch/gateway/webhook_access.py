"""What the gateway needs to use webhooks: its services, and the pepper that seals the secrets of endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retouch.core.errors import GatewayMisconfigured, InvalidRequest
from retouch.core.settings import Settings
from retouch.gateway.services import Services

if TYPE_CHECKING:
    from retouch.webhooks.services import WebhookServices

# Only workers on one machine have no pepper. Their folder is removed at the end.
_LOCAL_PEPPER = "one machine"


def require_webhooks(services: Services) -> WebhookServices:
    """Return what webhooks need. Raises InvalidRequest when the gateway has no table of webhooks."""
    webhooks = services.load_webhooks()
    if webhooks:
        return webhooks
    raise InvalidRequest(
        "This gateway has no webhooks. Poll the job instead, or set RETOUCH_WEBHOOKS_TABLE and RETOUCH_WEBHOOKS_QUEUE "
        "on the gateway.",
        code="webhooks_not_configured",
    )


def webhook_pepper(settings: Settings) -> str:
    """Return the pepper from the settings with the secrets. Raises GatewayMisconfigured."""
    pepper = settings.environment.get("RETOUCH_PEPPER", "")
    if not pepper and settings.webhooks_table:
        raise GatewayMisconfigured(
            "The gateway has no pepper for the secrets of webhooks. Set RETOUCH_PEPPER in its secret.",
            code="gateway_not_configured",
        )
    return pepper or _LOCAL_PEPPER
