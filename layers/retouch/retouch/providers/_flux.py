"""The FLUX task protocol and the Kontext card, shared by the hosts that serve those models.

An order is answered with a task; the task is polled; its result is a link that lives for about ten minutes.
Facts from docs.bfl.ai and the Fireworks pages, as of 2026-04 to 2026-11. A refusal is a status of the task, not
of HTTP, and final: a client that waits on it waits until its own timeout. That "Request Moderated" is about
what was sent and "Content Moderated" about what was made is read from the words, nobody documents it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from itertools import count
from typing import Any

from retouch.cards import Bounds, Failed, Model, Price, Told
from retouch.messages import Artifact, Call, Job, Reply, Step
from retouch.providers._answers import fetched, listed, mapping, text, words
from retouch.providers._kit import poll
from retouch.sizes import Ratios
from retouch.specs import Choice, Flag, Spec, Unsent, Whole, Words

READY = ("Ready", "Complete", "Finished")
BROKEN = ("Error", "Failed")
STAGES = {"Request Moderated": "input", "Content Moderated": "output"}
NOT_FOUND = "Task not found"  # normal for a moment after the order
EVERY = 1.0  # seconds between polls
MOST_NOT_FOUND = 10  # polls, so about ten seconds

# Any ratio from 21:9 to 9:21 is taken; these are the ones that people ask for.
RATIOS = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16", "9:21")
COMMON: Mapping[str, Spec] = {
    "output_format": Choice(("png", "jpeg", "webp")),
    "seed": Whole(0, 2_147_483_647),
    "user": Unsent(Words(512), "there is no field for it, so it was not sent"),
}
KONTEXT_PARAMS: Mapping[str, Spec] = {
    "size": Ratios(RATIOS),
    "aspect_ratio": Choice(RATIOS),
    "prompt_upsampling": Flag(),
    "safety_tolerance": Whole(0, 2),  # up to 6 for generation, 2 for edits
    **COMMON,
}
LIMITS = Bounds(most_pixels=20_000_000)


def kontext(model_id: str, images: int, price: Price) -> Model:
    """A Kontext card: it follows instructions, knows no mask and takes no size but a shape."""
    return Model(
        id=model_id,
        images=images,
        image_bytes=20_000_000,
        bounds=LIMITS,
        per_call=1,
        params=KONTEXT_PARAMS,
        makes=("png", "jpeg"),
        compresses=False,
        instructs=True,
        price=price,
    )


def fields(job: Job) -> dict[str, Any]:
    """What every order says beside its pictures. The hosts' default formats differ, so it is always named."""
    return {"prompt": job.prompt, "output_format": "png", **job.params}


def result(ask: Call) -> Generator[Step, Reply, Artifact]:
    """The picture of a task: polled with `ask` until the task is over, then fetched. Failed without one.

    A status that nobody documents is waited on: the order is paid for, and the deadline holds anyway.
    """
    missing = count(1)

    def over(reply: Reply) -> bool:
        status = text(reply.json()["status"])
        if status == NOT_FOUND:
            return next(missing) > MOST_NOT_FOUND
        return status in READY or status in BROKEN or _refuses(status)

    state = (yield from poll(ask, over, every=EVERY)).json()
    if state["status"] not in READY:
        raise Failed(told_by(state))
    return (yield from fetched(state["result"]["sample"]))


def told_by(state: Mapping[str, Any]) -> Told:
    """A task that ended without a picture, in our words."""
    status, details = state["status"], state.get("details")
    if not _refuses(status):
        return Told(message=words(details) or f"The task ended with the status {status!r}.")
    stage = STAGES.get(status, "unknown")
    reasons = mapping(details).get("Moderation Reasons", details)
    categories = [reasons] if text(reasons) else list(filter(text, listed(reasons)))
    return Told(
        "moderated",
        f"The safety system refused: {status}.",
        details={"moderation_details": {"moderation_stage": stage, "categories": categories}},
    )


def _refuses(status: str) -> bool:
    return status.endswith("Moderated")
