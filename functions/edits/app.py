"""The edits function: builds the house once per cold start and opens its door."""

import os

from retouch.breaker import Breaker
from retouch.clock import SystemClock
from retouch.edges.aws.bedrock_guardrail import BedrockGuardrail
from retouch.edges.aws.breaker_table import circuits
from retouch.edges.aws.cache_store import CacheStore
from retouch.edges.aws.configs import ConfigShelf
from retouch.edges.aws.session import Aws
from retouch.edges.aws.store import S3Bucket
from retouch.edges.aws.vault import KeyTable, Vault
from retouch.edges.door import build
from retouch.edges.fetch.web import Web
from retouch.edges.telemetry import Telemetry
from retouch.edges.upstream.http import Wall
from retouch.edges.upstream.identity import Identities
from retouch.guardrails import Tools
from retouch.house import House
from retouch.providers import PROVIDERS
from retouch.routing.saved import SavedConfigs
from retouch.settings import Settings

settings = Settings.from_env(os.environ)
clock, aws = SystemClock(), Aws()
vault = Vault(settings, clock, aws)
telemetry = Telemetry()
web = Web(settings, clock, aws, telemetry.fetched)
house = House(
    settings=settings,
    providers=PROVIDERS,
    send=Wall(settings, clock, web.result, Identities(clock)),
    bucket=S3Bucket(settings, aws),
    web=web.picture,
    clock=clock,
    secrets=vault.read,
    keys=KeyTable(settings, clock, aws),
    tools=Tools(web.webhook, BedrockGuardrail(aws), clock),
    breaker=Breaker(circuits(settings.breaker_table, clock, aws), clock),
    cache=CacheStore(settings, clock, aws),
    configs=SavedConfigs(ConfigShelf(settings, aws).read, clock),
)
handler = build(house, vault.warm, telemetry)
