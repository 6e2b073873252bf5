"""However a provider fails, the caller gets OpenAI's envelope, the right class, and the truth about the bill."""

import logging
from dataclasses import replace

import pytest

from tests.contract.corridor import ask, house_of
from tests.contract.enrolled import PAID, failures_of, lives, name_of, standin
from tests.contract.orders import PROMPT, wanted
from tests.support.upstream import Answer, as_json

CASES = [(p, name) for p in PAID for name in failures_of(p)]


def first_order(provider):
    """Of one picture, for two conversations side by side would share the stand-in's script."""
    model = next(m for m in provider.models if lives(provider, m))
    return replace(next(iter(wanted(provider, model).values())), n=1)


@pytest.mark.parametrize(("provider", "name"), CASES, ids=name_of)
def test_failures_become_ours(provider, name, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    with standin(provider) as server:
        failure = server.failures()[name]
        server.fail(failure)
        outcome = ask(first_order(provider), house=house_of(server))
    assert outcome.error is not None, "a failure was taken for success"
    assert {"message", "type", "param", "code"} <= outcome.error.keys()
    assert outcome.error["message"]
    got = (outcome.status, outcome.error["code"], outcome.headers["x-retouch-billed"])
    assert got == (failure.status, failure.code, failure.billed)
    assert outcome.headers.get("x-should-retry") == advice(failure, outcome.error["type"])
    assert len(server.calls) == failure.orders
    hidden(server, outcome, capsys, caplog)


def advice(failure, type):
    """What the caller's SDK must be told: never again what may have been bought, or what cannot help.

    Only where the provider asked for patience or fell over before it began the SDK's own rule holds.
    """
    passing = failure.status == 429 and type != "insufficient_quota"
    fell = failure.status in (502, 504)
    return None if failure.billed == "no" and (passing or fell) else "false"


@pytest.mark.parametrize("provider", PAID, ids=name_of)
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_5xx_never_buys_twice(provider, status):
    page = {"content-type": "text/html", "retry-after": "1"}
    with standin(provider) as server:
        server.failing = [Answer(status, b"<html>Service Unavailable</html>", page)]
        outcome = ask(first_order(provider), house=house_of(server))
        assert len(server.calls) == 1
    assert outcome.headers["x-retouch-billed"] == "unknown"
    assert outcome.headers["x-should-retry"] == "false"


def hidden(server, outcome, capsys, caplog):
    """Neither the key nor the prompt shows anywhere."""
    printed = capsys.readouterr()
    seen = (printed.out, printed.err, caplog.text, str(outcome.error), str(outcome.headers))
    for text in seen:
        assert server.key not in text
        assert PROMPT not in text


@pytest.mark.parametrize("provider", PAID, ids=name_of)
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500])
def test_an_echoed_key_stays_hidden(provider, status, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    with standin(provider) as server:
        echo = f"no {server.key} is good"
        words = dict.fromkeys(("message", "detail", "id", "name", "code", "type", "status"), echo)
        body = {**words, "error": {**words, "details": [words]}, "errors": [echo]}
        server.failing = [as_json(body, status, **{"x-request-id": server.key})]
        outcome = ask(first_order(provider), house=house_of(server))
    assert outcome.error is not None
    hidden(server, outcome, capsys, caplog)


@pytest.mark.parametrize("provider", PAID, ids=name_of)
@pytest.mark.parametrize(
    "answer",
    [Answer(200, b""), as_json({}), as_json([]), as_json(None)],
    ids=lambda a: repr(a.body),
)
def test_nothing_is_never_success(provider, answer):
    with standin(provider) as server:
        server.failing = [answer]
        outcome = ask(first_order(provider), house=house_of(server))
    assert outcome.status >= 500
    assert outcome.headers["x-retouch-billed"] == "unknown"


@pytest.mark.parametrize("provider", PAID, ids=name_of)
def test_success_hides_the_key_too(provider, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    with standin(provider) as server:
        outcome = ask(first_order(provider), house=house_of(server))
    assert outcome.error is None
    hidden(server, outcome, capsys, caplog)
