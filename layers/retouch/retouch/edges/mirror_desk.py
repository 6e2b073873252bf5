"""Orders nobody waits for: SQS batches and EventBridge events. Nothing that failed is ever taken for done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from retouch.edges.mirror_post import Post
from retouch.edges.mirror_store import MirrorStore
from retouch.edges.mirror_telemetry import MirrorTelemetry
from retouch.errors import InvalidRequest
from retouch.mirror import notices, verdict
from retouch.mirror.item import Item
from retouch.mirror.mirror import mirror
from retouch.mirror.order import Order, read
from retouch.mirror.verdict import Letter
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
        clock = self.yard.clock
        started = clock.now()
        found = mirror(orders, self.yard, deadline)
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
        """An SQS batch: {"batchItemFailures": [{"itemIdentifier"}]} names the messages to hand out again."""
        arrived = messages(event)
        orders = {message: self._read(message) for message in arrived}
        good = {message: order for message, order in orders.items() if isinstance(order, Order)}
        found = dict(zip(good, self.run([*good.values()], "queue", deadline), strict=True))
        undone = [
            message for message, order in orders.items() if not self._settled(order, found, message)
        ]
        for message in undone:
            self.post.soon(message)
        return {"batchItemFailures": [{"itemIdentifier": message.id} for message in undone]}

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
        return self._done(order, found[message])

    def _done(self, order: Order, items: Sequence[Item]) -> bool:
        """Whether the order needs no second try. One with an answer to leave never gets one: its asker decides."""
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
