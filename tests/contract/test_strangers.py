"""The provider gets the key; whoever it sends us to does not."""

import pytest

from tests.contract.corridor import ask, ran
from tests.contract.enrolled import PAID, PAID_MODELS, lives, name_of, standin, standin_class
from tests.contract.orders import wanted
from tests.support.upstream import Answer

ORDERS = [(p, m, name) for p, m in PAID_MODELS for name in wanted(p, m)]


def shown(received):
    """Everything in a request but its body."""
    return str((received.path, received.query, received.headers))


@pytest.mark.parametrize(("provider", "model", "variant"), ORDERS, ids=name_of)
def test_own_hosts_get_the_key_and_others_do_not(provider, model, variant):
    key = standin_class(provider).key
    done = ran(provider.name, model.id, variant)
    for received in done.received:
        assert key in str(received.headers)
        assert key not in str((received.path, received.query))
    for received in done.elsewhere:
        assert key not in shown(received)
        assert not {"authorization", provider.auth.header.lower()} & set(received.headers)


@pytest.mark.parametrize("provider", PAID, ids=name_of)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_followed_elsewhere(provider, status):
    model = next(m for m in provider.models if lives(provider, m))
    order = next(iter(wanted(provider, model).values()))
    with standin(provider) as server:
        server.failing = [Answer(status, b"", {"location": f"{server.elsewhere.url}/taken"})]
        outcome = ask(order, server)
        assert outcome.status == 502
        assert server.elsewhere.received == []
