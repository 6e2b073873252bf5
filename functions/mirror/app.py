"""The mirror function: builds the yard once per cold start and opens its door."""

import os
from dataclasses import replace

from retouch.clock import SystemClock
from retouch.edges.aws.session import Aws
from retouch.edges.aws.vault import KeyTable, Vault
from retouch.edges.fetch.fetcher import Fetcher
from retouch.edges.mirror.desk import Desk
from retouch.edges.mirror.door import Porter, build
from retouch.edges.mirror.post import Post
from retouch.edges.mirror.spool import spool
from retouch.edges.mirror.store import MirrorStore, permanent
from retouch.edges.mirror.telemetry import MirrorTelemetry
from retouch.guard.policy import Policy
from retouch.mirror.yard import Yard
from retouch.settings import Settings

settings = Settings.from_env(os.environ)
clock, aws = SystemClock(), Aws()
vault = Vault(settings, clock, aws)
store = MirrorStore(settings, clock, aws)
policy = replace(
    Policy.from_text(settings.fetch_allow),
    most_bytes=settings.mirror_bytes,
    total_seconds=settings.mirror_seconds,
)
telemetry = MirrorTelemetry()
yard = Yard(
    settings=settings,
    clock=clock,
    open=Fetcher(policy, clock, log=telemetry.fetched).open,
    spool=spool,
    store=store,
    link=permanent(settings.public_base_url) if settings.public_base_url else store.presigned,
)
handler = build(
    Desk(yard, store, Post(settings, aws), telemetry),
    Porter(settings, vault.read, KeyTable(settings, clock, aws), vault.warm),
)
