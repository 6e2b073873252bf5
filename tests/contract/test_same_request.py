"""One request for every model: it is done, or refused by the name of what the model cannot do. Nothing is dropped."""

import pytest

from tests.contract.corridor import ask
from tests.contract.enrolled import MODELS, name_of, standin
from tests.contract.orders import PROMPT, Wanted
from tests.support.pictures import hole, opened, photo

SIZE = (1024, 1024)
ASKED = ("mask", "prompt", "n", "size", "response_format")


def the_request(provider, model):
    return Wanted(
        name="same",
        model=f"{provider.name}/{model.id}",
        images=(photo(512, 512),),
        mask=hole(512, 512),
        prompt=PROMPT,
        n=2,
        params={"size": "1024x1024", "response_format": "b64_json"},
    )


@pytest.mark.parametrize(("provider", "model"), MODELS, ids=name_of)
def test_nothing_is_dropped_in_silence(provider, model):
    order = the_request(provider, model)
    if not provider.paid:
        check_done(ask(order), [])
        return
    with standin(provider) as server:
        outcome = ask(order, server)
        if outcome.status == 400:
            assert outcome.error["param"] in (*ASKED, *needs(model))
            assert server.received == []
            return
        check_done(outcome, [server.seen(call) for call in server.calls[:1]])


def needs(model):
    """What the operation cannot do without and the request has not: to be named as well."""
    when = model.when
    return (*when.given, *(["image"] if when.images else [])) if when else ()


def check_done(outcome, seen):
    assert outcome.error is None
    assert len(outcome.pictures) == 2
    for picture in outcome.pictures:
        assert opened(picture).size == SIZE or outcome.noted("size")
    for one in seen:
        assert one.mask or outcome.noted("mask")
        assert PROMPT in str(one.fields) or outcome.noted("prompt")
