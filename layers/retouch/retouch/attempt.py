"""One attempt at one target: resolve, plan, prepare, call, normalise, respond. The corridor's second half.

Which targets are tried, and in what order, is routing's business; here it is done once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from retouch.cache import Entry, key, look, remember
from retouch.catalogue import painters
from retouch.errors import Fault, OutOfTime, Refused
from retouch.fanout import Bought, side_by_side
from retouch.finish import Result, collect, fit_reply, polish
from retouch.guarded import Guard
from retouch.house import House, Order
from retouch.links import links
from retouch.messages import Artifact, Call, Finished, Job, Partial, Reply, Wish
from retouch.patience import Send, patient
from retouch.plan import Plan, fit
from retouch.plan.connect import check, connect
from retouch.plan.delivery import Delivery
from retouch.plan.resolve import Target, resolve
from retouch.prepare import prepare
from retouch.preview import preview
from retouch.pulse import pulse
from retouch.respond import facts, plan_headers, success
from retouch.routing.tree import Cache
from retouch.settings import Settings
from retouch.talk import talk
from retouch.wire import sse
from retouch.wire.answer import Answer

NEEDS_PAINTING = "unsupported_operation"  # said by models that only move, filter and fill
_MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class Attempt:
    """One wish at one target, with what stands around it."""

    wish: Wish
    order: Order
    guard: Guard
    cache: (
        Cache | None
    )  # whether it may be answered from the store, and how old such an answer may be
    tenant: str  # whose answers those are


def once(attempt: Attempt, house: House, settings: Settings) -> Answer:
    """One edit at one target, from wish to answer. Raises Fault, nothing else."""
    wish, order = attempt.wish, attempt.order
    target = resolve(wish.model, order.caller, house.providers, settings, house.clock.today())
    target = connect(target, order.caller, settings)
    plan = fit(target if wish.dry_run else check(target), wish, settings)
    if attempt.cache is None or wish.stream or wish.dry_run:
        return bought(plan, attempt, house, settings)[0]
    name = key(plan, plan.jobs, attempt.tenant, order.portkey.namespace)
    age = attempt.cache.max_age
    status, entry = look(house.cache, name, age, refresh=order.portkey.refresh)
    if entry:
        answer = stored(entry, plan, attempt, house, settings)
    else:
        answer, result = bought(plan, attempt, house, settings)
        if result and len(result.pictures) == wish.n:
            remember(house.cache, name, Entry(result.pictures, result.kept), age)
    return replace(answer, headers={**answer.headers, "x-portkey-cache-status": status})


def bought(
    plan: Plan, attempt: Attempt, house: House, settings: Settings
) -> tuple[Answer, Result | None]:
    """The answer of the provider, and its pictures where they are whole."""
    wish, order = attempt.wish, attempt.order
    jobs = [prepare(job, plan.target.serving) for job in plan.jobs]
    if wish.dry_run:
        return preview(plan, jobs, order.request_id), None
    check_time(plan, house, order.deadline)
    if wish.stream:
        return watch(plan, jobs, house, order), None
    found = called(plan, jobs, house, order)
    guard = attempt.guard.look(found.artifacts, plan.target.provider.paid)
    plan = replace(plan, notes=(*plan.notes, *found.notes(wish.n)))
    plan = replace(plan, **fit_reply(plan, found.artifacts, order.most_bytes, settings))
    result, expires = delivered(found.artifacts, plan.delivery, order, house, settings)
    return guard.sign(success(result, plan, order.request_id, expires)), result


def stored(entry: Entry, plan: Plan, attempt: Attempt, house: House, settings: Settings) -> Answer:
    """The same from the store: finished pictures, nothing bought."""
    guard = attempt.guard.look(entry.artifacts, paid=False)
    plan = replace(plan, delivery=Delivery(plan.delivery.response_format))
    order = attempt.order
    plan = replace(plan, **fit_reply(plan, [*entry.artifacts], order.most_bytes, settings))
    result, expires = delivered(entry.artifacts, plan.delivery, order, house, settings)
    result = replace(result, kept=entry.kept)
    answer = success(result, plan, order.request_id, expires)
    headers = {n: v for n, v in answer.headers.items() if n != "x-retouch-cost-usd"}
    return guard.sign(replace(answer, headers={**headers, "x-retouch-billed": "no"}))


def delivered(
    artifacts: Sequence[Artifact],
    delivery: Delivery,
    order: Order,
    house: House,
    settings: Settings,
) -> tuple[Result, int]:
    """The pictures as they leave, and the Unix time until which links to them work."""
    now = house.clock.unix()
    expires = now + settings.url_lifetime
    pepper = settings.environment.get("RETOUCH_PEPPER", "")
    link = links(settings.base_url or order.base, pepper, expires, now, house.bucket.sign)
    return collect(artifacts, delivery, house.bucket, link, now), expires


def called(plan: Plan, jobs: list[Job], house: House, order: Order) -> Bought:
    """What the provider made, unless its circuit is open. Its failures count for that, a caller's haste does not."""
    circuit = plan.target.circuit
    house.breaker.check(circuit)
    try:
        found = call(plan, jobs, house, order.ends)
    except Fault as fault:
        hasty = isinstance(fault, OutOfTime) and order.ends < order.deadline
        if not hasty:
            house.breaker.record(circuit, fault)
        raise
    house.breaker.record(circuit, None)
    return found


def check_time(plan: Plan, house: House, deadline: float) -> None:
    """A paid call that cannot finish is not started."""
    left = deadline - house.clock.now()
    if plan.target.provider.paid and left < house.settings.least_call:
        raise OutOfTime(
            f"Only {max(left, 0):.1f} s are left, too little to start an edit. Send it again.",
            billed="no",
        )


def call(plan: Plan, jobs: list[Job], house: House, deadline: float) -> Bought:
    """All finished pictures; several jobs run side by side."""

    def finished(job: Job) -> list[Artifact]:
        steps = converse(plan.target, job, house, deadline)
        return [step.artifact for step in steps if isinstance(step, Finished)]

    return Bought(finished(jobs[0])) if len(jobs) == 1 else side_by_side(jobs, finished)


def converse(
    target: Target, job: Job, house: House, deadline: float
) -> Iterator[Partial | Finished]:
    """One conversation through the wall."""

    def send(outgoing: Call) -> Reply:
        return house.send(outgoing, target, deadline)

    patiently: Send = patient(send, target, house.clock, deadline, house.settings.retry_wait)
    try:
        yield from talk(target, job, patiently, house.clock, deadline)
    except Refused as refused:
        if refused.code != NEEDS_PAINTING:
            raise
        able = ", ".join(painters(house.providers, house.clock.today())[:_MOST_NAMED])
        raise Refused(
            f"{refused} Models that paint: {able}.",
            param=refused.param,
            code=refused.code,
            billed=refused.billed,
        ) from None


def watch(plan: Plan, jobs: list[Job], house: House, order: Order) -> Answer:
    """The same edit as an event stream. Failures before its first sign of life get their own status."""
    events = pulse(frames(plan, jobs, house, order.ends), house.settings.heartbeat)
    body = sse.joined(next(events), events)
    headers = {**sse.HEADERS, "x-request-id": order.request_id, **plan_headers(plan)}
    return Answer(200, headers, body, facts(plan))


def frames(plan: Plan, jobs: list[Job], house: House, deadline: float) -> Iterator[bytes]:
    """Encoded events as the pictures come."""
    created = house.clock.unix()
    for job in jobs:
        for step in converse(plan.target, job, house, deadline):
            picture = polish(step.artifact, plan.delivery).artifact
            if isinstance(step, Partial):
                yield sse.partial(picture, step.index, created)
            else:
                yield sse.completed(picture, created)
