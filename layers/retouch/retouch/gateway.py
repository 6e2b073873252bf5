"""The corridor: parse, validate, plan, prepare, call, normalise, respond. Nothing flows back.

A Fault raised in any room is caught once, by the door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from retouch.cards import Provider
from retouch.clock import Clock
from retouch.errors import OutOfTime
from retouch.finish import Store, collect, polish
from retouch.messages import Artifact, Call, Finished, Inbound, Job, Partial, Reply
from retouch.patience import Send, patient
from retouch.plan import Plan, fit
from retouch.plan.resolve import Target, resolve
from retouch.prepare import prepare
from retouch.settings import Settings
from retouch.talk import talk
from retouch.wire import sse
from retouch.wire.answer import Answer, facts, plan_headers, success
from retouch.wire.caller import caller
from retouch.wire.form import parse
from retouch.wire.wish import validate

Wall = Callable[[Call, Target, float], Reply]


@dataclass(frozen=True, slots=True)
class House:
    """All that the core may use of the world, built once by the door."""

    settings: Settings
    providers: tuple[Provider, ...]
    send: Wall
    store: Store
    clock: Clock


def edit(request: Inbound, house: House, deadline: float, request_id: str) -> Answer:
    """One edit, from request to answer. `deadline` is on the clock's scale. Raises Fault, nothing else."""
    wish = validate(parse(request))
    today = house.clock.today()
    target = resolve(wish.model, caller(request.headers), house.providers, house.settings, today)
    plan = fit(target, wish, house.settings)
    jobs = [prepare(job, target.serving) for job in plan.jobs]
    check_time(plan, house, deadline)
    if wish.stream:
        return watch(plan, jobs, house, deadline, request_id)
    artifacts = call(plan, jobs, house, deadline)
    result = collect(artifacts, plan.delivery, house.store, house.clock.unix())
    return success(result, plan, request_id)


def check_time(plan: Plan, house: House, deadline: float) -> None:
    """A paid call that cannot finish is not started."""
    left = deadline - house.clock.now()
    if plan.target.provider.paid and left < house.settings.least_call:
        raise OutOfTime(
            f"Only {max(left, 0):.1f} s are left, too little to start an edit. Send it again.",
            billed="no",
        )


def call(plan: Plan, jobs: list[Job], house: House, deadline: float) -> list[Artifact]:
    """All finished pictures; several jobs run side by side."""

    def finished(job: Job) -> list[Artifact]:
        steps = converse(plan.target, job, house, deadline)
        return [step.artifact for step in steps if isinstance(step, Finished)]

    if len(jobs) == 1:
        return finished(jobs[0])
    with ThreadPoolExecutor(len(jobs)) as pool:
        return [artifact for found in pool.map(finished, jobs) for artifact in found]


def converse(
    target: Target, job: Job, house: House, deadline: float
) -> Iterator[Partial | Finished]:
    """One conversation through the wall."""

    def send(outgoing: Call) -> Reply:
        return house.send(outgoing, target, deadline)

    patiently: Send = patient(send, target, house.clock, deadline, house.settings.retry_wait)
    return talk(target, job, patiently, house.clock, deadline)


def watch(plan: Plan, jobs: list[Job], house: House, deadline: float, request_id: str) -> Answer:
    """The same edit as an event stream. Failures before the first event still get their own status."""
    events = frames(plan, jobs, house, deadline)
    body = sse.joined(next(events), events)
    headers = {**sse.HEADERS, "x-request-id": request_id, **plan_headers(plan)}
    return Answer(200, headers, body, facts(plan))


def frames(plan: Plan, jobs: list[Job], house: House, deadline: float) -> Iterator[bytes]:
    """Encoded events as the pictures come."""
    created = house.clock.unix()
    for job in jobs:
        for step in converse(plan.target, job, house, deadline):
            picture = polish(step.artifact, plan.delivery)
            if isinstance(step, Partial):
                yield sse.partial(picture, step.index, created)
            else:
                yield sse.completed(picture, created)
