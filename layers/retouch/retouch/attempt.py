"""One attempt at one target: resolve, plan, prepare, call, normalise, respond. The corridor's second half.

Which targets are tried, and in what order, is routing's business; here it is done once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from retouch.catalogue import painters
from retouch.errors import OutOfTime, Refused
from retouch.fanout import Bought, side_by_side
from retouch.finish import collect, fit_reply, polish
from retouch.guarded import Guard
from retouch.house import House, Order
from retouch.links import links
from retouch.messages import Artifact, Call, Finished, Job, Partial, Reply, Wish
from retouch.patience import Send, patient
from retouch.plan import Plan, fit
from retouch.plan.connect import check, connect
from retouch.plan.resolve import Target, resolve
from retouch.prepare import prepare
from retouch.preview import preview
from retouch.pulse import pulse
from retouch.respond import facts, plan_headers, success
from retouch.settings import Settings
from retouch.talk import talk
from retouch.wire import sse
from retouch.wire.answer import Answer

NEEDS_PAINTING = "unsupported_operation"  # said by models that only move, filter and fill
_MOST_NAMED = 4


def once(wish: Wish, guard: Guard, order: Order, house: House, settings: Settings) -> Answer:
    """One edit at one target, from wish to answer. Raises Fault, nothing else."""
    target = resolve(wish.model, order.caller, house.providers, settings, house.clock.today())
    target = connect(target, order.caller, settings)
    plan = fit(target if wish.dry_run else check(target), wish, settings)
    jobs = [prepare(job, plan.target.serving) for job in plan.jobs]
    if wish.dry_run:
        return preview(plan, jobs, order.request_id)
    check_time(plan, house, order.deadline)
    if wish.stream:
        return watch(plan, jobs, house, order)
    bought = call(plan, jobs, house, order.ends)
    guard = guard.look(bought.artifacts, plan.target.provider.paid)
    plan = replace(plan, notes=(*plan.notes, *bought.notes(wish.n)))
    plan = replace(plan, **fit_reply(plan, bought.artifacts, order.most_bytes, settings))
    now = house.clock.unix()
    expires = now + settings.url_lifetime
    pepper = settings.environment.get("RETOUCH_PEPPER", "")
    link = links(settings.base_url or order.base, pepper, expires, now, house.bucket.sign)
    result = collect(bought.artifacts, plan.delivery, house.bucket, link, now)
    return guard.sign(success(result, plan, order.request_id, expires))


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
