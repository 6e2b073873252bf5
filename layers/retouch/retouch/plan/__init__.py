"""The plan: Wish + cards -> Plan. The only place where a wish may be changed, refused or noted.

The rule of refusal: what the model can do is applied; what has an exact or a fair equivalent is mapped and
noted; everything else is refused by name. Nothing is dropped in silence. Read `fit` for the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from retouch.cards import Model
from retouch.messages import Job, Wish
from retouch.plan import geometry, params, pictures, preserve
from retouch.plan.delivery import Delivery
from retouch.plan.delivery import fit as fit_delivery
from retouch.plan.operation import choose
from retouch.plan.resolve import Target
from retouch.settings import Settings
from retouch.specs import Spec, Whole


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
    target = choose(target, wish)
    asked, serving = target.asked, target.serving
    prompt_notes = pictures.check(asked, serving, wish)
    shaped = geometry.fit(_strictest(asked, serving), wish)
    fitted, param_notes = params.fit(asked, serving, wish)
    mask, mask_notes = pictures.fit_mask(asked, wish)
    images, picture_notes = pictures.fit(serving, wish, shaped.frame)
    kept = preserve.fit(serving, wish, mask, {} if shaped.frame else fitted)
    wanted = {**fitted, **kept.params, **shaped.params}
    sent, delivery, delivery_notes = fit_delivery(
        target, wish, wanted, settings, shaped.frame, kept
    )
    job = Job(
        model=target.upstream,
        prompt=kept.prompt,
        images=images,
        mask=kept.mask,
        stream=wish.stream and serving.streams,
        params=sent,
        options=target.options,
        returns=kept.keep is not None,
    )
    notes = (
        *target.notes,
        *prompt_notes,
        *picture_notes,
        *shaped.notes,
        *mask_notes,
        *param_notes,
        *kept.notes,
        *delivery_notes,
    )
    return Plan(target, split(serving, job, wish.n), delivery, notes, target.headers)


def _strictest(asked: Model, serving: Model) -> Model:
    """The serving model, square where the contract that was asked for says so."""
    return replace(serving, id=asked.id, square=True) if asked.square else serving


def split(model: Model, job: Job, n: int) -> tuple[Job, ...]:
    """n pictures as calls of at most `per_call`; each call after the first has a seed of its own."""
    full, rest = divmod(n, model.per_call)
    sizes = [model.per_call] * full + [rest] * bool(rest)
    seed = model.params.get("seed")
    return tuple(
        replace(
            job,
            n=size,
            params=_seeded(job.params, seed, index),
            returns=job.returns and not index,  # one of them is enough to look at the picture
        )
        for index, size in enumerate(sizes)
    )


def _seeded(params: Mapping[str, Any], spec: Spec | None, index: int) -> Mapping[str, Any]:
    """Parameters with the call's own seed: counted on from the caller's, and around at the range's end."""
    if not index or not isinstance(spec, Whole) or "seed" not in params:
        return params
    span = spec.high - spec.low + 1
    return {**params, "seed": spec.low + (params["seed"] - spec.low + index) % span}
