"""The sweeper function. A schedule invokes it."""

import os

from retouch.api.handlers.sweeper import build_handler
from retouch.core.clock import SystemClock
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.order_stores import order_stores
from retouch.infrastructure.telemetry import SweeperTelemetry

settings = Settings.from_env(os.environ)
stores = order_stores(settings, AwsClients(AwsEnvironment.from_env(os.environ)))
handler = build_handler(stores, SystemClock(), SweeperTelemetry(os.environ))
