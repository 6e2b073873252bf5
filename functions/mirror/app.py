"""The mirror function. It builds its services and its handler once per cold start."""

import os

from retouch.api.handlers.mirror_http import MirrorAuth, build_handler
from retouch.api.handlers.mirror_queue import MirrorConsumer
from retouch.core.clock import SystemClock
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.mirror_bucket import MirrorBucket, permanent_links
from retouch.infrastructure.aws.mirror_messaging import MirrorMessaging
from retouch.infrastructure.aws.secrets import SecretStore
from retouch.infrastructure.body_spool import spool_body
from retouch.infrastructure.fetch.mirror_fetchers import mirror_fetchers
from retouch.infrastructure.stores.key_lookup import key_lookup
from retouch.infrastructure.stores.tenant_stores import tenant_stores
from retouch.infrastructure.telemetry.telemetry import MirrorTelemetry
from retouch.mirror.services import MirrorServices
from retouch.tenants.reader import TenantReader

settings = Settings.from_env(os.environ)
clock, aws_clients = SystemClock(), AwsClients(AwsEnvironment.from_env(os.environ))
tenants = tenant_stores(settings, aws_clients)
secret_store = SecretStore(settings, clock, aws_clients)
store = MirrorBucket(settings, clock, aws_clients)
telemetry = MirrorTelemetry(os.environ)
fetcher, edit_fetcher = mirror_fetchers(settings, clock, telemetry.log_fetch)
services = MirrorServices(
    settings=settings,
    clock=clock,
    open_url=fetcher.open,
    open_for_edit=edit_fetcher.open,
    spool=spool_body,
    store=store,
    make_link=permanent_links(settings.public_base_url, settings.mirror_days)
    if settings.public_base_url
    else store.presign,
)
handler = build_handler(
    MirrorConsumer(services, store, MirrorMessaging(settings, aws_clients), telemetry),
    MirrorAuth(
        settings,
        secret_store.read,
        key_lookup(settings, clock, aws_clients, TenantReader(tenants, clock) if tenants else None),
        secret_store.start_reading,
    ),
)
