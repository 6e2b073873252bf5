"""One attempt at one target: resolve, plan, prepare, call, normalise, respond. The corridor's second half.

Which targets are tried, and in what order, is routing's business; here it is done once.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any

from retouch.cache import Entry, key, look, remember
from retouch.catalogue import painters
from retouch.circuits import circuit, watched
from retouch.diary import Diary
from retouch.errors import Fault, NotStored, OutOfTime, Refused
from retouch.fanout import Bought, side_by_side
from retouch.finish import Result, collect, hand_out, polish
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
from retouch.respond import Said, facts, plan_headers, streamed, success
from retouch.routing.tree import Cache
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


def once(attempt: Attempt, house: House) -> Answer:
    """One edit at one target, from wish to answer. Raises Fault, nothing else."""
    caller, today = attempt.order.caller, house.clock.today()
    target = resolve(attempt.wish.model, caller, house.providers, house.settings, today)
    diary = Diary(target.provider.name)
    listening = replace(house, send=diary.listening(house.send))
    try:
        answer = answered(connect(target, caller, house.settings), attempt, listening, diary)
    except Fault as fault:
        fault.headers = {**fault.headers, **diary.headers}
        named = {"provider": target.provider.name, "model": target.serving.id}
        fault.facts = {**named, **fault.facts}
        raise
    return replace(answer, headers={**answer.headers, **diary.headers})


def answered(target: Target, attempt: Attempt, house: House, diary: Diary) -> Answer:
    """The answer from the store where one may be and is there, else from the provider."""
    wish, portkey = attempt.wish, attempt.order.portkey
    plan = fit(target if wish.dry_run else check(target), wish, house.settings)
    if attempt.cache is None or wish.stream or wish.dry_run:
        return bought(plan, attempt, house)[0]
    name = key(plan, plan.jobs, attempt.tenant, portkey.namespace)
    age = attempt.cache.max_age
    status, entry = look(house.cache, name, age, refresh=portkey.refresh)
    diary.looked(status)
    if entry:
        return stored(entry, plan, attempt, house)
    answer, result = bought(plan, attempt, house)
    if result and len(result.pictures) == wish.n:
        remember(house.cache, name, Entry(result.pictures, result.kept), age)
    return answer


def bought(plan: Plan, attempt: Attempt, house: House) -> tuple[Answer, Result | None]:
    """The answer of the provider, and its pictures where they are whole."""
    wish, order = attempt.wish, attempt.order
    jobs = [prepare(job, plan.target.serving) for job in plan.jobs]
    if wish.dry_run:
        return preview(plan, jobs, order.request_id), None
    check_time(plan, house, order.deadline)
    asking = watched(circuit(plan.target, order.caller, house.settings), house, order)
    if wish.stream:
        return watch(plan, jobs, house, attempt, asking), None
    with asking:
        found = call(plan, jobs, house, order.ends)
    guard = attempt.guard.look(found.artifacts, plan.target.provider.paid)
    plan = replace(plan, notes=(*plan.notes, *found.notes(wish.n)))
    result = collect(found.artifacts, plan.delivery)
    return guard.sign(delivered(result, plan, order, house)), result


def stored(entry: Entry, plan: Plan, attempt: Attempt, house: House) -> Answer:
    """The same from the store: finished pictures, nothing bought."""
    guard = attempt.guard.look(entry.artifacts, paid=False)
    plan = replace(plan, delivery=Delivery(plan.delivery.response_format))
    result = replace(collect(entry.artifacts, plan.delivery), kept=entry.kept)
    answer = delivered(result, plan, attempt.order, house)
    headers = {n: v for n, v in answer.headers.items() if n != "x-retouch-cost-usd"}
    return guard.sign(replace(answer, headers={**headers, "x-retouch-billed": "no"}))


def delivered(result: Result, plan: Plan, order: Order, house: House) -> Answer:
    """The result on its way: links to it work until the time that the answer says."""
    settings, now = house.settings, house.clock.unix()
    expires = now + settings.url_lifetime
    pepper = settings.environment.get("RETOUCH_PEPPER", "")
    link = links(settings.base_url or order.base, pepper, expires, now, house.bucket.sign)
    try:
        handed = hand_out(result, plan.delivery, house.bucket, link, order.most_bytes)
    except NotStored as lost:
        lost.billed = "yes" if plan.target.provider.paid else "no"
        raise
    return success(result, handed, plan, Said(order.request_id, now, expires))


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
    streams = ExitStack()

    def send(outgoing: Call) -> Reply:
        reply = house.send(outgoing, target, deadline)
        if isinstance(reply.chunks, Generator):
            streams.callback(reply.chunks.close)
        return reply

    patiently: Send = patient(send, target, house.clock, deadline, house.settings.retry_wait)
    try:
        # A stream that is not read to its end is closed now: left to the garbage collector, which takes its parts in
        # any order, its connection may be handed to the next edit although it is dead.
        with streams:
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


def watch(
    plan: Plan,
    jobs: list[Job],
    house: House,
    attempt: Attempt,
    asking: AbstractContextManager[None],
) -> Answer:
    """The same edit as an event stream. Failures before its first sign of life get their own status."""
    order, guard = attempt.order, attempt.guard

    def events() -> Generator[bytes, None, None]:
        with asking:
            yield from frames(plan, jobs, house, order.ends, guard.beside)

    lively = pulse(events(), min(house.settings.heartbeat, order.quiet))
    body = sse.joined(next(lively), lively, order.request_id)
    headers = {**sse.HEADERS, "x-request-id": order.request_id, **plan_headers(plan)}
    return guard.sign(Answer(200, headers, body, facts(plan)))


def frames(
    plan: Plan, jobs: list[Job], house: House, deadline: float, beside: Mapping[str, Any]
) -> Iterator[bytes]:
    """Encoded events as the pictures come; `beside` stands in those of finished ones."""
    created = house.clock.unix()
    for job in jobs:
        for step in converse(plan.target, job, house, deadline):
            polished = polish(step.artifact, plan.delivery)
            if isinstance(step, Partial):
                yield sse.partial(polished.artifact, step.index, created)
            else:
                told = {**beside, **streamed(polished, plan)}
                yield sse.completed(polished.artifact, created, told)
