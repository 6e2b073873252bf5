"""The consumer of SQS batches and EventBridge events, whose senders do not wait for a response.

A failed request is never treated as done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import orjson

from retouch.api.events.sources import event_payload, parse_messages
from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.mirror import cloud_events, retry_decision
from retouch.mirror.messages import QueueMessage
from retouch.mirror.mirror_urls import mirror_urls
from retouch.mirror.request import MirrorRequest, read_mirror_request
from retouch.mirror.result import MirrorResult
from retouch.mirror.retry_decision import DeadLetter, Requeue, RetryDecision
from retouch.mirror.services import Messaging, MirrorServices, MirrorTelemetryPort, ResponseStore


class EventNotProcessed(Exception):
    """The error for an event whose request is not done.

    Lambda then tries again, and later sends the event to its DLQ.
    """


@frozen_dataclass
class MirrorConsumer:
    """The mirror with the clients that queued requests need."""

    services: MirrorServices
    store: ResponseStore
    messaging: Messaging
    telemetry: MirrorTelemetryPort

    def mirror_and_record(
        self, requests: Sequence[MirrorRequest], source: str, deadline: float
    ) -> list[list[MirrorResult]]:
        """Copy the URLs, publish the events and record the metrics."""
        return self._record(
            requests, source, lambda: mirror_urls(requests, self.services, deadline)
        )

    def _record(
        self,
        requests: Sequence[MirrorRequest],
        source: str,
        mirror_all: Callable[[], list[list[MirrorResult]]],
    ) -> list[list[MirrorResult]]:
        clock = self.services.clock
        started_at = clock.now()
        results_per_request = mirror_all()
        elapsed = (clock.now() - started_at) * 1000
        events = [
            cloud_event
            for request, results in zip(requests, results_per_request, strict=True)
            for cloud_event in cloud_events.cloud_events(request, results, clock.unix_time())
        ]
        self.messaging.publish_events(events)
        for results in results_per_request:
            self.telemetry.record_request(source, elapsed, results)
        return results_per_request

    def process_batch(self, event: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Process an SQS batch. Return {"batchItemFailures": [{"itemIdentifier"}]}, the messages to deliver again.

        Those are the messages that could not be settled. The rest of a request comes again as a message of its own.
        Requests whose sender waits come first. If the others then run out of time, their unfinished URLs come again.
        """
        requests = {message: self._read_message(message) for message in parse_messages(event)}
        valid = {
            message: request
            for message, request in requests.items()
            if isinstance(request, MirrorRequest)
        }
        awaited = {message: request for message, request in valid.items() if request.answer_to}
        unawaited = {
            message: request for message, request in valid.items() if not request.answer_to
        }
        responded = self._process_awaited_messages(awaited, deadline)
        results = dict(
            zip(
                unawaited,
                self.mirror_and_record([*unawaited.values()], "queue", deadline),
                strict=True,
            )
        )
        unsettled = [
            message
            for message, request in requests.items()
            if message not in responded and not self._settle(request, results, message)
        ]
        for message in unsettled:
            self.messaging.shorten_visibility(message)
        return {"batchItemFailures": [{"itemIdentifier": message.id} for message in unsettled]}

    def _process_awaited_messages(
        self, awaited: Mapping[QueueMessage, MirrorRequest], deadline: float
    ) -> set[QueueMessage]:
        """Return the messages whose response was written.

        Each response is written as soon as it is known, independently of the other responses.
        """
        responded = set()

        def process(message: QueueMessage) -> list[MirrorResult]:
            (results,) = mirror_urls([awaited[message]], self.services, deadline)
            if self._put_response(awaited[message].answer_to, results[0]):
                responded.add(message)
            return results

        def mirror_all() -> list[list[MirrorResult]]:
            max_workers = self.services.settings.max_parallel_mirrors
            with ThreadPoolExecutor(min(max_workers, max(len(awaited), 1))) as pool:
                return list(pool.map(process, awaited))

        self._record([*awaited.values()], "queue", mirror_all)
        return responded

    def process_event(self, event: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Process an EventBridge event.

        Raises EventNotProcessed unless its request is done or in the dead-letter queue.
        """
        payload = event_payload(event)
        try:
            request: MirrorRequest | DeadLetter = read_mirror_request(payload, trusted=True)
        except InvalidRequest as error:
            request = retry_decision.unreadable_dead_letter(orjson.dumps(payload).decode(), error)
        if isinstance(request, DeadLetter):
            results: list[MirrorResult] = []
            is_settled = self._dead_letter(request)
        else:
            (results,) = self.mirror_and_record([request], "bus", deadline)
            is_settled = self._settle_event(request, results)
        if not is_settled:
            raise EventNotProcessed("The event's request is not done; see the log.")
        return {"handled": len(results)}

    def _read_message(self, message: QueueMessage) -> MirrorRequest | DeadLetter:
        try:
            return read_mirror_request(event_payload(_parse_json(message.body)), trusted=True)
        except InvalidRequest as error:
            return retry_decision.unreadable_dead_letter(message.body, error)

    def _settle(
        self,
        request: MirrorRequest | DeadLetter,
        results: Mapping[QueueMessage, list[MirrorResult]],
        message: QueueMessage,
    ) -> bool:
        if isinstance(request, DeadLetter):
            return self._dead_letter(request)
        if request.answer_to:
            return self._give_up(message)
        return self._requeue(
            retry_decision.decide_retry(request, results[message], message.receive_count), message
        )

    def _requeue(self, decision: RetryDecision, message: QueueMessage) -> bool:
        """Return whether the whole rest of a request is in a queue, so that the message may be deleted.

        If the process is killed in between, the message comes again as a whole. A URL that is then in the queue twice
        is stored once.
        """
        if decision.requeues and not self.messaging.has_request_queue:
            return False
        if decision.dead_letter and not self._dead_letter(decision.dead_letter):
            return False
        return all([self._send_requeue(requeue, message) for requeue in decision.requeues])

    def _send_requeue(self, requeue: Requeue, message: QueueMessage) -> bool:
        try:
            self.messaging.send_requeue(requeue, message)
        except Exception as error:
            self.telemetry.logger.warning("the rest of a request was not sent", exc_info=error)
            return False
        self.telemetry.record_request_age(
            self.services.clock.unix_time() - message.sent_at_ms / 1000 + requeue.delay_seconds
        )
        return True

    def _give_up(self, message: QueueMessage) -> bool:
        return message.receive_count >= retry_decision.MAX_TRIES and self._dead_letter(
            retry_decision.unanswered_dead_letter(message.body)
        )

    def _settle_event(self, request: MirrorRequest, results: Sequence[MirrorResult]) -> bool:
        """Return whether an event's request needs no second try.

        A request with `answer_to` gets none, because its sender decides.
        """
        if request.answer_to:
            return self._put_response(request.answer_to, results[0])
        if retry_decision.should_retry(results):
            return False
        dead_letter = retry_decision.failure_dead_letter(request, results)
        return dead_letter is None or self._dead_letter(dead_letter)

    def _put_response(self, key: str, result: MirrorResult) -> bool:
        try:
            self.store.put_response(key, orjson.dumps(asdict(result)))
        except Exception as error:
            self.telemetry.logger.warning("a response could not be written", exc_info=error)
            return False
        return True

    def _dead_letter(self, dead_letter: DeadLetter) -> bool:
        """Send a dead letter. Return False when there is no dead-letter queue or it cannot be reached.

        The main queue's redrive policy then decides about the message.
        """
        self.telemetry.log_refusal("letter", {"code": dead_letter.code})
        if not self.messaging.has_dead_letter_queue:
            return False
        try:
            self.messaging.send_to_dlq(dead_letter)
        except Exception as error:
            self.telemetry.logger.warning("a dead letter could not be sent", exc_info=error)
            return False
        return True


def _parse_json(body: str) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        raise InvalidRequest("The message is not JSON.", code="invalid_json") from None
