"""A model that makes one picture a call is called once for each, with another seed each time and nothing else."""

from dataclasses import replace

import pytest

from tests.contract.corridor import ask, ran
from tests.contract.enrolled import PAID_MODELS, name_of, standin
from tests.contract.orders import wanted

FANNED = [(p, m) for p, m in PAID_MODELS if m.per_call == 1 and m.n > 1]


@pytest.mark.parametrize(("provider", "model"), FANNED, ids=name_of)
def test_every_picture_is_a_call_of_its_own(provider, model):
    (variant, *_) = wanted(provider, model)
    alone = ran(provider.name, model.id, variant)
    with standin(provider) as server:
        outcome = ask(replace(wanted(provider, model)[variant], n=2), server)
        first, second = (server.seen(call) for call in paid(server.received))
    assert outcome.error is None
    assert len(outcome.pictures) == 2, outcome.notes
    assert len(paid(alone.received)) == 1
    for seen in (first, second):
        assert (seen.pictures, seen.mask) == (alone.seen.pictures, alone.seen.mask)
    assert seeds(first) != seeds(second) or "seed" not in model.params
    assert unseeded(first) == unseeded(second) == unseeded(alone.seen)


def paid(received):
    """The orders among the calls: polls by POST have no pictures."""
    return [r for r in received if r.method == "POST" and len(r.body) > 500]


def flat(value, path=""):
    """Every leaf of nested fields by its path."""
    if isinstance(value, dict):
        return {
            k: v for name, inner in value.items() for k, v in flat(inner, f"{path}.{name}").items()
        }
    return {path: str(value)}


def seeds(seen):
    return {path: value for path, value in flat(seen.fields).items() if path.endswith("seed")}


def unseeded(seen):
    return {path: value for path, value in flat(seen.fields).items() if not path.endswith("seed")}
