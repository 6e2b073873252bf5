"""Usage events and tables of usage for tests."""

import secrets
import sys
from dataclasses import replace

import boto3

from retouch.core.errors import UsageUnavailable
from retouch.usage.event import UsageEvent, start_of_day
from tests.support.dynamodb import table_definition

TABLE = "usage"
TABLE_DEFINITION = table_definition(TABLE, "pk", "sk", trace="trace")
DAY = "2026-11-28"
NOON = start_of_day(DAY) + 12 * 3600
_EVENT = UsageEvent(
    workspace="w_shop",
    time=NOON,
    order="ord_1",
    attempt=1,
    status=200,
    provider="openai",
    model="gpt-image-2",
    billed="yes",
    cost=41_200,
    price=49_440,
    pictures=1,
    pixels_in=1_048_576,
    pixels_out=1_048_576,
    size="1024x1024",
    text_in=40,
    image_in=300,
    image_out=1056,
    ms=12_000,
    provider_ms=11_500,
    key_id="k_one",
    trace="trace-1",
)


class InMemoryUsage:
    """A store of usage of one process. It counts the events that are read from it and the rollups that are written."""

    def __init__(self):
        self.events, self.rollups, self.read, self.written_rollups = {}, {}, 0, 0
        self.retention_seconds, self.is_down = sys.maxsize, False

    def write_event(self, event):
        self._check()
        return self.events.setdefault((event.workspace, event.id), event) is event

    def read_events(self, workspace, start, end):
        self._check()
        for _, event in sorted(self.events.items(), key=lambda item: item[0]):
            if event.workspace == workspace and start <= event.time < end:
                self.read += 1
                yield event

    def find_by_trace(self, trace):
        return [event for event in self.events.values() if event.trace == trace]

    def read_rollup(self, workspace, day):
        return self.rollups.get((workspace, day))

    def write_rollup(self, workspace, day, data):
        self.written_rollups += 1
        self.rollups.setdefault((workspace, day), data)

    def note_workspace(self, workspace, month):
        self._check()

    def list_workspaces(self, month):
        return sorted({one.workspace for one in self.events.values() if one.day[:7] == month})

    def _check(self):
        if self.is_down:
            raise UsageUnavailable("The table is down.")


class InMemoryDocuments:
    """A store of documents of one process."""

    def __init__(self):
        self.documents = {}

    def write(self, document):
        key = document.group, document.id
        stored = self.documents.get(key)
        if (stored.version if stored else "") != document.version:
            return None
        self.documents[key] = replace(document, version=secrets.token_hex(4))
        return self.documents[key]

    def read(self, group, identifier):
        return self.documents.get((group, identifier))

    def read_group(self, group):
        return [one for key, one in sorted(self.documents.items()) if key[0] == group]


def make_event(**fields):
    """Return an event of a successful edit, with these fields."""
    return replace(_EVENT, **fields)


def create_usage_table(port):
    """Create the table of usage in a moto server."""
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    client = session.client("dynamodb", endpoint_url=f"http://127.0.0.1:{port}")
    client.create_table(**TABLE_DEFINITION)
