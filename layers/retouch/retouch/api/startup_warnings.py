"""Warnings about settings, which both functions log at a cold start."""

from __future__ import annotations

from logging import Logger

from retouch.core.settings import Settings


def warn_about_open_settings(settings: Settings, logger: Logger) -> None:
    """Log a warning for each setting that opens the gateway."""
    if settings.auth_mode == "open":
        logger.warning("RETOUCH_AUTH_MODE=open: anybody who reaches this gateway may use it")
    if settings.fetch_allowlist:
        logger.warning(
            "RETOUCH_FETCH_ALLOW: URLs may lead to these hosts although the URL policy refuses them",
            extra={"allowed": settings.fetch_allowlist},
        )
    if settings.webhook_allowlist:
        logger.warning(
            "RETOUCH_WEBHOOK_ALLOW: webhooks may lead to these hosts although the URL policy refuses them",
            extra={"allowed": settings.webhook_allowlist},
        )
