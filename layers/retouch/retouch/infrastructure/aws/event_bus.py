"""The EventBridge bus that gets the gateway's events, each as a CloudEvent in the detail of an entry."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from retouch.infrastructure.aws.clients import AwsClients

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

_log = logging.getLogger("retouch")
_SOURCE = "retouch"
_MAX_EVENTS_PER_CALL = 10  # the maximum of PutEvents


class EventBus:
    """One bus."""

    def __init__(self, name: str, aws: AwsClients) -> None:
        self._name, self._aws = name, aws

    def publish(self, cloud_events: Sequence[Mapping[str, Any]]) -> None:
        """Publish events. Failures are only logged, because what the events tell of has happened anyway."""
        entries = [self._entry(cloud_event) for cloud_event in cloud_events]
        for start in range(0, len(entries), _MAX_EVENTS_PER_CALL):
            try:
                response = self._client.put_events(
                    Entries=entries[start : start + _MAX_EVENTS_PER_CALL]
                )
            except Exception as error:
                _log.warning("events were not published", exc_info=error)
                continue
            if response["FailedEntryCount"]:
                codes = sorted({entry.get("ErrorCode", "") for entry in response["Entries"]} - {""})
                _log.warning("events were not published", extra={"codes": codes})

    def _entry(self, cloud_event: Mapping[str, Any]) -> Any:
        return {
            "EventBusName": self._name,
            "Source": _SOURCE,
            "DetailType": cloud_event["type"],
            "Detail": orjson.dumps(cloud_event).decode(),
        }

    @property
    def _client(self) -> EventBridgeClient:
        client: EventBridgeClient = self._aws.client("events")
        return client
