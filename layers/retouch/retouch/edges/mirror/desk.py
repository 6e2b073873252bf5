"""Orders nobody waits for: SQS batches and EventBridge events. Nothing that failed is ever taken for done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from retouch.edges.mirror.post import Post
from retouch.edges.mirror.store import MirrorStore
from retouch.edges.mirror.telemetry import MirrorTelemetry
from retouch.errors import InvalidRequest
from retouch.mirror import notices, verdict
from retouch.mirror.item import Item
from retouch.mirror.mirror import mirror
from retouch.mirror.order import Order, read
from retouch.mirror.verdict import Letter, Sequel, Verdict
from retouch.mirror.ways import Message, messages, unwrapped
from retouch.mirror.yard import Yard


class Undelivered(Exception):
    """An event's order is not done. Raised so that Lambda tries again and then keeps the event."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The mirror with what it needs to answer those who are not there."""

    yard: Yard
    store: MirrorStore
    post: Post
    telemetry: MirrorTelemetry

    def run(self, orders: Sequence[Order], way: str, deadline: float) -> list[list[Item]]:
        """Copy, tell the bus, count."""
        return self._told(orders, way, lambda: mirror(orders, self.yard, deadline))

    def _told(
        self, orders: Sequence[Order], way: str, copied: Callable[[], list[list[Item]]]
    ) -> list[list[Item]]:
        clock = self.yard.clock
        started = clock.now()
        found = copied()
        elapsed = (clock.now() - started) * 1000
        news = [
            notice
            for order, items in zip(orders, found, strict=True)
            for notice in notices.notices(order, items, clock.unix())
        ]
        self.post.announce(news)
        for items in found:
            self.telemetry.record(way, elapsed, items)
        return found

    def batch(self, event: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """An SQS batch: {"batchItemFailures": [{"itemIdentifier"}]} names the messages to hand out again.

        Those are the ones that could not be settled. What is left of an order comes again as a message of its own.
        Orders that somebody waits for come first; what the others then have no time for is left of them.
        """
        orders = {message: self._read(message) for message in messages(event)}
        good = {message: order for message, order in orders.items() if isinstance(order, Order)}
        awaited = {message: order for message, order in good.items() if order.answer_to}
        patient = {message: order for message, order in good.items() if not order.answer_to}
        answered = self._answers(awaited, deadline)
        found = dict(zip(patient, self.run([*patient.values()], "queue", deadline), strict=True))
        undone = [
            message
            for message, order in orders.items()
            if message not in answered and not self._settled(order, found, message)
        ]
        for message in undone:
            self.post.soon(message)
        return {"batchItemFailures": [{"itemIdentifier": message.id} for message in undone]}

    def _answers(self, awaited: Mapping[Message, Order], deadline: float) -> set[Message]:
        """The messages whose answer was left, each as soon as it was known: no asker waits for another's picture."""
        answered = set()

        def answer(message: Message) -> list[Item]:
            (items,) = mirror([awaited[message]], self.yard, deadline)
            if self._answered(awaited[message].answer_to, items[0]):
                answered.add(message)
            return items

        def copied() -> list[list[Item]]:
            most = self.yard.settings.mirror_parallel
            with ThreadPoolExecutor(min(most, max(len(awaited), 1))) as pool:
                return list(pool.map(answer, awaited))

        self._told([*awaited.values()], "queue", copied)
        return answered

    def event(self, event: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """An EventBridge event. Raises Undelivered unless its order is done or put aside."""
        told = unwrapped(event)
        try:
            order: Order | Letter = read(told, trusted=True)
        except InvalidRequest as error:
            order = verdict.unreadable(orjson.dumps(told).decode(), error)
        if isinstance(order, Letter):
            items: list[Item] = []
            done = self._buried(order)
        else:
            (items,) = self.run([order], "bus", deadline)
            done = self._done(order, items)
        if not done:
            raise Undelivered("The event's order is not done; see the log.")
        return {"handled": len(items)}

    def _read(self, message: Message) -> Order | Letter:
        try:
            return read(unwrapped(_loads(message.body)), trusted=True)
        except InvalidRequest as error:
            return verdict.unreadable(message.body, error)

    def _settled(
        self, order: Order | Letter, found: Mapping[Message, list[Item]], message: Message
    ) -> bool:
        if isinstance(order, Letter):
            return self._buried(order)
        if order.answer_to:
            return self._given_up(message)
        return self._carried_on(verdict.judge(order, found[message], message.received), message)

    def _carried_on(self, left: Verdict, message: Message) -> bool:
        """Whether all that is left of the message's order is put aside or on its way, so that the message may go.

        Killed in between, the message comes again as a whole. What then lies in the queue twice is stored once.
        """
        if left.sequels and not self.post.takes_orders:
            return False
        if left.letter and not self._buried(left.letter):
            return False
        return all([self._sent(sequel, message) for sequel in left.sequels])

    def _sent(self, sequel: Sequel, message: Message) -> bool:
        try:
            self.post.send(sequel, message)
        except Exception as error:
            self.telemetry.logger.warning("the rest of an order was not sent", exc_info=error)
            return False
        self.telemetry.waits(self.yard.clock.unix() - message.sent / 1000 + sequel.pause)
        return True

    def _given_up(self, message: Message) -> bool:
        return message.received >= verdict.TRIES and self._buried(verdict.unanswered(message.body))

    def _done(self, order: Order, items: Sequence[Item]) -> bool:
        """Whether an event's order needs no second try. One with an answer to leave gets none: its asker decides."""
        if order.answer_to:
            return self._answered(order.answer_to, items[0])
        if verdict.again(items):
            return False
        letter = verdict.letter(order, items)
        return letter is None or self._buried(letter)

    def _answered(self, key: str, item: Item) -> bool:
        try:
            self.store.answer(key, orjson.dumps(asdict(item)))
        except Exception as error:
            self.telemetry.logger.warning("an answer could not be left", exc_info=error)
            return False
        return True

    def _buried(self, letter: Letter) -> bool:
        """False where there is no place for dead letters, or it cannot be reached: the queue's own rule decides."""
        self.telemetry.refused("letter", {"code": letter.code})
        if not self.post.keeps_letters:
            return False
        try:
            self.post.bury(letter)
        except Exception as error:
            self.telemetry.logger.warning("a dead letter could not be put aside", exc_info=error)
            return False
        return True


def _loads(body: str) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        raise InvalidRequest("The message is not JSON.", code="invalid_json") from None
