"""Objects of an inbox in memory, and events about them as AWS documents them."""

import hashlib
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from retouch.inbox.recipe_cache import RecipeCache
from retouch.inbox.store import InboxFile, InboxUnavailable, ListedObject, ObjectCreated
from tests.support.services import FakeClock

BUCKET = "photos"


@dataclass
class Stored:
    data: bytes
    metadata: dict[str, str] = field(default_factory=dict)
    modified: float = 0.0

    @property
    def etag(self):
        return hashlib.md5(self.data).hexdigest()


class InMemoryInbox:
    """The buckets of one process. Each write has the next second as its time, and the next sequencer."""

    def __init__(self):
        self.objects, self.reads, self.is_down = {}, [], False
        self._writes = 0

    def upload(self, key, data, metadata=None):
        """Write an object as a user does, and return its event."""
        self._writes += 1
        stored = Stored(data, metadata or {}, 1_800_000_000.0 + self._writes)
        self.objects[key] = stored
        return ObjectCreated(
            BUCKET, key, stored.etag, len(data), f"{0x0062E99A88DC407460 + self._writes:018X}"
        )

    def read(self, bucket, key, etag=""):
        self._check(bucket)
        self.reads.append(key)
        stored = self.objects.get(key)
        if stored is None or (etag and stored.etag != etag):
            return None
        return InboxFile(stored.data, stored.etag, stored.metadata, stored.modified)

    def read_metadata(self, bucket, key):
        self._check(bucket)
        stored = self.objects.get(key)
        return stored and InboxFile(b"", stored.etag, stored.metadata, stored.modified)

    def list_objects(self, bucket, prefix):
        self._check(bucket)
        return [
            ListedObject(key, stored.etag, len(stored.data))
            for key, stored in sorted(self.objects.items())
            if key.startswith(prefix)
        ]

    def write(self, file, replaces):
        self._check(file.bucket)
        stored = self.objects.get(file.key)
        if (stored.etag if stored else "") != replaces:
            return False
        self._writes += 1
        self.objects[file.key] = Stored(
            file.data, dict(file.metadata), 1_800_000_000.0 + self._writes
        )
        return True

    def _check(self, bucket):
        if self.is_down or bucket != BUCKET:
            raise InboxUnavailable("The bucket is down.")


def recipe_cache(store, clock=None):
    """Return the cache of a new process."""
    return RecipeCache(store, clock or FakeClock())


def object_record(event, version="2.1", name="ObjectCreated:Put"):
    """Return the record of an S3 notification, after the example in Amazon S3's user guide."""
    return {
        "eventVersion": version,
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "1970-01-01T00:00:00.000Z",
        "eventName": name,
        "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "172.16.0.1"},
        "responseElements": {
            "x-amz-request-id": "C3D13FE58DE4C810",
            "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD",
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "testConfigRule",
            "bucket": {
                "name": event.bucket,
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": f"arn:aws:s3:::{event.bucket}",
            },
            "object": {
                "key": quote_plus(event.key, safe="/"),
                "size": event.size,
                "eTag": event.etag,
                "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                "sequencer": event.sequencer,
            },
        },
    }


def object_notification(*events, version="2.1", name="ObjectCreated:Put"):
    """Return an S3 notification."""
    return {"Records": [object_record(event, version, name) for event in events]}


def object_bus_event(event, reason="PutObject"):
    """Return an event of S3 through EventBridge, after the example in Amazon S3's user guide."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2021-11-12T00:00:00Z",
        "region": "ca-central-1",
        "resources": [f"arn:aws:s3:::{event.bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": event.bucket},
            "object": {
                "key": event.key,
                "size": event.size,
                "etag": event.etag,
                "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
                "sequencer": event.sequencer,
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "source-ip-address": "1.2.3.4",
            "reason": reason,
        },
    }
