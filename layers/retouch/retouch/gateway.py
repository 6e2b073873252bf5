"""The corridor: parse, admit, gather, validate, plan, prepare, call, normalise, respond. Nothing flows back.

A Fault raised in any room is caught once, by the door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

from retouch.admission import KeyBook, admit
from retouch.cards import Provider
from retouch.clock import Clock
from retouch.errors import OutOfTime
from retouch.finish import Store, collect, fit_reply, polish
from retouch.gather import Shelf, gather
from retouch.messages import Artifact, Call, Finished, Form, Job, Partial, Reply
from retouch.patience import Send, patient
from retouch.plan import Plan, fit
from retouch.plan.resolve import Target, resolve
from retouch.prepare import prepare
from retouch.pulse import pulse
from retouch.respond import facts, plan_headers, success
from retouch.settings import Settings
from retouch.talk import talk
from retouch.wire import sse
from retouch.wire.answer import Answer
from retouch.wire.caller import Caller
from retouch.wire.wish import validate

Wall = Callable[[Call, Target, float], Reply]


class Bucket(Store, Shelf, Protocol):
    """The stack's bucket, as the core sees it."""

    def invite(self, content_type: str) -> tuple[str, dict[str, Any]]:
        """A new upload: its id, and the form ({"url", "fields"}) that S3 takes for it."""

    def reachable(self) -> None:
        """Raises when the bucket cannot be used."""


@dataclass(frozen=True, slots=True)
class House:
    """All that the core may use of the world, built once by the door."""

    settings: Settings
    providers: tuple[Provider, ...]
    send: Wall
    bucket: Bucket
    clock: Clock
    secrets: Callable[[], Mapping[str, str]]  # read where they are needed, fetched before
    keys: KeyBook


@dataclass(frozen=True, slots=True)
class Order:
    """An edit that was asked for, whichever way it came in."""

    form: Form
    caller: Caller
    request_id: str
    deadline: float  # on the clock's scale
    trusted: bool = False  # a direct invoke: its caller was let in by IAM
    most_bytes: int | None = None  # of the answer, where the way back is narrow


def edit(order: Order, house: House) -> Answer:
    """One edit, from order to answer. Raises Fault, nothing else."""
    settings = house.settings.with_secrets(house.secrets())
    enter(order, house, settings)
    wish = validate(gather(order.form, house.bucket))
    today = house.clock.today()
    target = resolve(wish.model, order.caller, house.providers, settings, today)
    plan = fit(target, wish, settings)
    jobs = [prepare(job, target.serving) for job in plan.jobs]
    check_time(plan, house, order.deadline)
    if wish.stream:
        return watch(plan, jobs, house, order)
    artifacts = call(plan, jobs, house, order.deadline)
    plan = replace(plan, **fit_reply(plan, artifacts, order.most_bytes, settings))
    result = collect(artifacts, plan.delivery, house.bucket, house.clock.unix())
    return success(result, plan, order.request_id)


def enter(order: Order, house: House, settings: Settings) -> None:
    """Nobody unknown gets further. Unauthorized otherwise."""
    if not order.trusted:
        pepper = settings.environment.get("RETOUCH_PEPPER", "")
        admit(order.caller, settings.auth_mode, pepper, house.keys)


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


def watch(plan: Plan, jobs: list[Job], house: House, order: Order) -> Answer:
    """The same edit as an event stream. Failures before its first sign of life get their own status."""
    events = pulse(frames(plan, jobs, house, order.deadline), house.settings.heartbeat)
    body = sse.joined(next(events), events)
    headers = {**sse.HEADERS, "x-request-id": order.request_id, **plan_headers(plan)}
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
