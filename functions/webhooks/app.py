"""The webhooks function: it sends events to the endpoints of callers, one message of the queue at a time."""

import os

from retouch.api.handlers.webhooks_queue import build_handler
from retouch.core.clock import SystemClock
from retouch.core.settings import InvalidSetting, Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.secrets import SecretStore
from retouch.infrastructure.stores.webhook_stores import webhook_services
from retouch.infrastructure.telemetry.telemetry import WebhookTelemetry

settings, clock = Settings.from_env(os.environ), SystemClock()
aws_clients = AwsClients(AwsEnvironment.from_env(os.environ))
secrets = SecretStore(settings, clock, aws_clients)
telemetry = WebhookTelemetry(os.environ)
services = webhook_services(settings, clock, aws_clients, telemetry.log_fetch)
if services is None:
    raise InvalidSetting("RETOUCH_WEBHOOKS_TABLE and RETOUCH_WEBHOOKS_QUEUE must be set.")
handler = build_handler(
    services, clock, lambda: settings.with_secrets(secrets.read()), telemetry.record_disabled
)
