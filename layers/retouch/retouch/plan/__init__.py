"""The plan: Wish + cards -> Plan. The only place where a wish may be changed, refused or noted.

The rule of refusal: what the model can do is applied; what has an exact or a fair equivalent is mapped and
noted; everything else is refused by name. Nothing is dropped in silence. Read `fit` for the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from retouch.cards import Model
from retouch.messages import Job, Wish
from retouch.plan import params, pictures
from retouch.plan.delivery import Delivery
from retouch.plan.delivery import fit as fit_delivery
from retouch.plan.resolve import Target
from retouch.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that will happen, before anything happens."""

    target: Target
    jobs: tuple[Job, ...]
    delivery: Delivery
    notes: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def fit(target: Target, wish: Wish, settings: Settings) -> Plan:
    """Fit a wish to its target. InvalidRequest when it does not fit."""
    asked, serving = target.asked, target.serving
    pictures.check(asked, wish)
    images, picture_notes = pictures.fit(serving, wish)
    mask, mask_notes = pictures.fit_mask(asked, serving, wish)
    fitted, param_notes = params.fit(asked, serving, wish)
    sent, delivery, delivery_notes = fit_delivery(asked, serving, wish, fitted, settings)
    job = Job(
        model=target.upstream,
        prompt=wish.prompt,
        images=images,
        mask=mask,
        stream=wish.stream and serving.streams,
        params=sent,
        options=target.options,
    )
    notes = (*target.notes, *picture_notes, *mask_notes, *param_notes, *delivery_notes)
    return Plan(target, split(serving, job, wish.n), delivery, notes, target.headers)


def split(model: Model, job: Job, n: int) -> tuple[Job, ...]:
    """n pictures as calls of at most `per_call`."""
    full, rest = divmod(n, model.per_call)
    sizes = [model.per_call] * full + [rest] * bool(rest)
    return tuple(replace(job, n=size) for size in sizes)
