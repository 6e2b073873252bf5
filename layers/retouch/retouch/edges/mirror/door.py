"""The mirror's front door: HTTP, direct invoke, SQS and EventBridge, told apart by the event's shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from retouch.admission import KeyBook, admit
from retouch.edges.front import as_it_is, confess, cors, request_id, response
from retouch.edges.mirror.desk import Desk
from retouch.errors import Fault, InvalidRequest, MethodNotAllowed, Misconfigured, NotFound
from retouch.links import ours
from retouch.mirror.item import document
from retouch.mirror.order import read
from retouch.mirror.ways import way
from retouch.settings import Settings
from retouch.wire import direct
from retouch.wire import event as wire_event
from retouch.wire.answer import Answer, as_fault, failure, fault_facts, json_headers
from retouch.wire.caller import caller

Handler = Callable[[Any, Any], Any]
PATH = "/v1/mirror"


@dataclass(frozen=True, slots=True)
class Porter:
    """Who may come in over HTTP, by the same keys as everywhere."""

    settings: Settings
    secrets: Callable[[], Mapping[str, str]]
    keys: KeyBook
    warm: Callable[[], None]  # starts whatever can be fetched in the background

    def admit(self, headers: Mapping[str, str]) -> None:
        """Raises Unauthorized."""
        admit(caller(headers), self.settings.auth_mode, self.pepper(), self.keys)

    def pepper(self) -> str:
        """What keys and links are made with; empty where there is no secret."""
        known = self.settings.with_secrets(self.secrets())
        return known.environment.get("RETOUCH_PEPPER", "")

    def lasting(self, desk: Desk, base: str) -> Desk:
        """The desk with links that outlive the credentials of this function, where a gateway's address is known."""
        address, pepper = self.settings.base_url or base, self.pepper()
        if self.settings.public_base_url or not (address and pepper):
            return desk

        def link(key: str, lifetime: int, now: int) -> tuple[str, int]:
            return ours(address, key, now + lifetime, pepper), now + lifetime

        return replace(desk, yard=replace(desk.yard, link=link))


def build(desk: Desk, porter: Porter) -> Handler:
    """The Lambda handler. Raises, and so fails the invocation, for events of a shape nobody knows."""
    confess(porter.settings, desk.telemetry.logger)
    app = APIGatewayRestResolver(serializer=as_it_is, cors=cors(porter.settings))

    @app.post(PATH)
    def mirror() -> Response[Any]:
        event = app.current_event

        def answer() -> Answer:
            inbound = wire_event.inbound(event.raw_event)
            porter.admit(inbound.headers)
            values = _loads(inbound.body)
            lasting = porter.lasting(desk, inbound.base)
            return _mirrored(lasting, values, request_id(event), "http", app.lambda_context)

        return response(_guarded(answer, desk, "http", request_id(event)))

    @app.not_found
    def not_found(_: NotFoundError) -> Response[Any]:
        event = app.current_event
        return response(failure(_lost(event.http_method, event.path), request_id(event)))

    def handler(event: Any, context: Any) -> Any:
        came = way(event)
        if came == "http":
            porter.warm()
            return app.resolve(wire_event.as_v1(event), context)
        if came == "direct":
            return _invoked(desk, porter, event, context)
        _need_bucket(desk)
        serve = desk.batch if came == "queue" else desk.event
        return serve(event, _deadline(desk, context))

    return handler


def _invoked(desk: Desk, porter: Porter, event: Any, context: Any) -> dict[str, Any]:
    """A direct invoke: the order is the event, the answer the return value; IAM let its sender in."""
    identity = str(getattr(context, "aws_request_id", ""))

    def answer() -> Answer:
        return _mirrored(porter.lasting(desk, ""), event, identity, "direct", context)

    return direct.result(_guarded(answer, desk, "direct", identity))


def _mirrored(desk: Desk, values: Any, identity: str, way: str, context: Any) -> Answer:
    order = read(values)
    _need_bucket(desk)
    (items,) = desk.run([order], way, _deadline(desk, context))
    body = orjson.dumps(document(items, desk.yard.clock.unix()))
    return Answer(200, {**json_headers(identity), "x-retouch-billed": "no"}, body)


def _guarded(answer: Callable[[], Answer], desk: Desk, way: str, identity: str) -> Answer:
    try:
        return answer()
    except Exception as error:
        fault = as_fault(error)
        fault.billed = "no"  # a mirror buys nothing, whatever went wrong
        desk.telemetry.refused(way, {"status": fault.status, **fault_facts(fault)})
        return failure(fault, identity)


def _need_bucket(desk: Desk) -> None:
    if not desk.store.name:
        raise Misconfigured(
            "A mirror needs a bucket; set RETOUCH_BUCKET.", code="gateway_not_configured"
        )


def _deadline(desk: Desk, context: Any) -> float:
    left = float(context.get_remaining_time_in_millis()) / 1000
    return desk.yard.clock.now() + left - desk.yard.settings.deadline_margin


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        raise InvalidRequest("The body must be a JSON object.", code="invalid_json") from None


def _lost(method: str, path: str) -> Fault:
    if path == PATH:
        return MethodNotAllowed(f"{PATH} takes POST, not {method}.", allow=["POST"])
    return NotFound(f"There is no {method} {path}. URLs are mirrored at POST {PATH}.")
