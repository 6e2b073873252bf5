"""What each route of the HTTP API does, as a table of functions from request to answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from retouch import catalogue, health, uploads
from retouch.cards import Provider, families
from retouch.gateway import edit, enter
from retouch.house import House, Order
from retouch.links import follow
from retouch.messages import Form, Inbound
from retouch.wire.answer import Answer, json_headers
from retouch.wire.caller import caller
from retouch.wire.form import parse
from retouch.wire.late import quiet, steady
from retouch.wire.portkey import read
from retouch.wire.trace import stepped
from retouch.wire.wish import streams


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request at a route."""

    inbound: Inbound
    query: Mapping[str, str]
    request_id: str
    deadline: float

    def order(self, form: Form, providers: Iterable[Provider]) -> Order:
        """The same as an order, from whoever its headers say; options are those of these providers."""
        who = caller(self.inbound.headers)
        steering = read(self.inbound.headers, families(providers))
        steering = replace(
            steering,
            trace_id=steering.trace_id or self.request_id,
            traceparent=stepped(self.inbound.headers.get("traceparent", ""), self.request_id),
        )
        return Order(
            form, who, self.request_id, self.deadline, base=self.inbound.base, portkey=steering
        )


def edits(request: Request, house: House) -> Answer:
    """An image edit. Only one that may outlast somebody's patience is run beside the line; streams are their own."""
    form = parse(request.inbound)
    silence = quiet(request.inbound.headers, house.settings.silence)
    order = replace(request.order(form, house.providers), quiet=silence)
    if streams(form) or request.deadline - house.clock.now() <= silence:
        return edit(order, house)
    return steady(lambda: edit(order, house), silence, request.request_id)


def upload(request: Request, house: House) -> Answer:
    """An invitation to upload a large picture."""
    _known(request, house)
    return _answer(uploads.invite(request.inbound, house), request)


def models(request: Request, house: House) -> Answer:
    """The list of models."""
    _known(request, house)
    return _answer(catalogue.listing(house.providers), request)


def healthy(request: Request, house: House) -> Answer:
    """Alive; with ?deep=1, and then only for callers who are known, whether everything configured works."""
    if request.query.get("deep") not in ("1", "true"):
        return _answer({"status": "ok"}, request)
    _known(request, house)
    report = health.deep(house)
    return _answer(report, request, 200 if report["status"] == "ok" else 503)


def file(request: Request, house: House) -> Answer:
    """A result, by a link of ours: its signature is all the permission it needs."""
    settings = house.settings.with_secrets(house.secrets())
    pepper = settings.environment.get("RETOUCH_PEPPER", "")
    token = request.inbound.path.rpartition("/")[2]
    location = follow(token, pepper, house.clock.unix(), house.bucket.sign)
    headers = {**_headers(request), "Location": location, "Cache-Control": "private, no-store"}
    return Answer(302, headers, b"")


def doctor(request: Request, house: House) -> Answer:
    """What arrived: length and SHA-256 of the body and of each picture in it, for the post-deploy self-test."""
    _known(request, house)
    images = [image for image in parse(request.inbound).images if isinstance(image, bytes)]
    body = request.inbound.body
    return _answer({"body": _fingerprint(body), "images": list(map(_fingerprint, images))}, request)


def openapi(request: Request, _: House) -> Answer:
    """The published contract."""
    text = (Path(__file__).parent.parent / "openapi.json").read_bytes()
    return Answer(200, _headers(request), text)


Route = Callable[[Request, House], Answer]
ROUTES: Mapping[tuple[str, str], Route] = {
    ("POST", "/v1/images/edits"): edits,
    ("POST", "/v1/uploads"): upload,
    ("POST", "/v1/doctor"): doctor,
    ("GET", "/v1/models"): models,
    ("GET", "/v1/files/<token>"): file,
    ("GET", "/health"): healthy,
    ("GET", "/openapi.json"): openapi,
}


def _known(request: Request, house: House) -> None:
    secured = replace(house, settings=house.settings.with_secrets(house.secrets()))
    enter(request.order(Form({}), house.providers), secured)


def _fingerprint(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _answer(body: Mapping[str, Any], request: Request, status: int = 200) -> Answer:
    return Answer(status, _headers(request), orjson.dumps(body))


def _headers(request: Request) -> dict[str, str]:
    return {**json_headers(request.request_id), "x-retouch-billed": "no"}
