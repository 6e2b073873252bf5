"""Drives one conversation between an adapter and its provider. Knows neither sockets nor policy."""

from __future__ import annotations

from collections.abc import Generator

from retouch.cards import Failed
from retouch.clock import Clock
from retouch.errors import BadUpstream, Fault, OutOfTime
from retouch.faults import fault, told_fault
from retouch.messages import (
    Artifact,
    Call,
    Conversation,
    Finished,
    Job,
    Partial,
    Reply,
    Step,
)
from retouch.patience import Send
from retouch.plan.resolve import Target

Progress = Generator[Partial | Finished, None, None]
# A `next` that finds nothing comes out of a generator as RuntimeError.
_DRIFT = (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError)


def talk(target: Target, job: Job, send: Send, clock: Clock, deadline: float) -> Progress:
    """Run the adapter's script and yield pictures as they come; at least one is Finished.

    Promises to the adapter: it only ever sees successful replies, never one after the deadline; a reply of
    an unknown shape needs no handling there, it becomes BadUpstream here.
    """
    conversation = target.provider.edit(job)
    answer: Reply | None = None
    finished = 0
    bought = False  # an order has been answered with success, so nothing after it is free
    try:
        while True:
            step = _advance(target, conversation, answer)
            if isinstance(step, list):
                yield from map(Finished, _some(target, step, finished))
                return
            answer = _reply(target, step, send, clock, deadline) if isinstance(step, Call) else None
            if not isinstance(step, Call):
                finished += isinstance(step, Finished)
                yield step
            bought = bought or (isinstance(step, Call) and not step.repeatable)
    except Failed as failed:
        fault = told_fault(target, answer or Reply(200, {}), failed.told)
        # The provider may say itself that a success without a picture costs nothing.
        raise fault if failed.told.billed else _graver(fault, target, bought) from None
    except Fault as fault:
        raise _graver(fault, target, bought) from None
    finally:
        conversation.close()


def _graver(fault: Fault, target: Target, bought: bool) -> Fault:
    """After a paid order was answered with success, nothing is known to be free."""
    if bought and target.provider.paid and fault.billed == "no":
        fault.billed = "unknown"
    return fault


def _advance(
    target: Target, conversation: Conversation, answer: Reply | None
) -> Step | list[Artifact]:
    try:
        # A generator takes None where it was not asked for anything.
        step = conversation.send(answer)  # type: ignore[arg-type]
        return _checked(step)
    except StopIteration as end:
        return list(end.value or ())
    except _DRIFT as drift:
        raise BadUpstream(f"{target.provider.title} answered in an unknown shape.") from drift


def _checked(step: Step) -> Step:
    """A link comes out of the provider's JSON as it is, so it may be anything."""
    if isinstance(step, Call) and not isinstance(step.path, str):
        raise TypeError("a link is not text")
    return step


def _reply(target: Target, call: Call, send: Send, clock: Clock, deadline: float) -> Reply:
    if clock.now() + call.after >= deadline:
        raise OutOfTime(f"{target.provider.title} did not finish in time.")
    if call.after:
        clock.sleep(call.after)
    reply = send(call)
    if not 200 <= reply.status < 300:
        raise fault(target, reply)
    return reply


def _some(target: Target, artifacts: list[Artifact], before: int) -> list[Artifact]:
    """Success without a picture is failure: never an empty `data`."""
    if not artifacts and not before:
        raise BadUpstream(
            f"{target.provider.title} answered without a picture.", code="no_image_returned"
        )
    return artifacts
