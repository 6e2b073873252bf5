"""The edits function: builds the house once per cold start and opens its door."""

import os

from retouch.clock import SystemClock
from retouch.edges.door import build
from retouch.edges.http import Wall
from retouch.edges.store import Bucket
from retouch.edges.telemetry import Telemetry
from retouch.gateway import House
from retouch.providers import PROVIDERS
from retouch.settings import Settings

settings = Settings.from_env(os.environ)
clock = SystemClock()
house = House(settings, PROVIDERS, Wall(settings, clock), Bucket(settings), clock)
handler = build(house, Telemetry())
