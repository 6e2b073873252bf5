"""Guardrails around an edit, through the door: what they look at, whom they ask, and what the log hears of it."""

import json
from dataclasses import replace

import pytest

from retouch.guarded import admitted
from retouch.guardrails import HooksFailed, asked_once
from retouch.messages import Text, Wish
from retouch.providers import PROVIDERS
from retouch.specs import Words
from retouch.wire.portkey import Portkey
from tests.contract.standins.stability_ai import StabilityAI
from tests.support.door import edit, png
from tests.support.house import build_house
from tests.support.pictures import b64, hole, photo
from tests.support.upstream import Upstream, as_json

NO_PASSPORTS = {
    "default.contains": {"words": ["passport"], "operator": "none", "ignoreCase": True},
    "id": "papers",
}
DENY = {**NO_PASSPORTS, "deny": True}
GOOD = as_json({"created": 1, "data": [{"b64_json": b64(photo())}]})
BUSY = as_json({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429)
TOOLS = build_house().tools
FIELDS = {"prompt": "p", "image": png(photo()), "model": "gpt-image-2"}


def wish(prompt="p", **params):
    return Wish(prompt, (), None, None, 1, None, False, None, "strict", False, False, params)


def ask(fields, config, env=None, house=None):
    return edit(fields, env, {"x-portkey-config": json.dumps(config)}, house=house)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("inpaint", {"negative_prompt": "passport", "mask": png(hole(96, 96))}),
        ("search-and-replace", {"search_prompt": "Passport"}),
        ("search-and-recolor", {"select_prompt": "pass\u200bport"}),
        ("inpaint", {"negative_prompt": "ｐassport", "mask": png(hole(96, 96))}),
        ("replace-background-and-relight", {"foreground_prompt": "pa\u0301ssport"}),
    ],
)
def test_no_text_reaches_a_provider_unseen(model, fields):
    wanted = {"model": f"stability-ai/{model}", "prompt": "p", "image": png(photo(96, 96))}
    with StabilityAI() as server:
        answer = ask({**wanted, **fields}, {"input_guardrails": [DENY]}, server.env())
        assert (answer.status, server.received) == (446, [])


def test_every_free_text_on_a_card_is_looked_at():
    cards = [(p, card) for p in PROVIDERS for card in (*p.models, p.deployments) if card]
    texts = {n for _, card in cards for n, spec in card.params.items() if isinstance(spec, Words)}
    assert {"negative_prompt", "search_prompt", "user"} <= texts
    for name in texts:
        with pytest.raises(HooksFailed):
            admitted(
                wish(**{name: Text("a passport")}),
                {"input_guardrails": [DENY]},
                Portkey(),
                TOOLS,
                PROVIDERS,
            )


def test_words_of_the_contract_are_no_text():
    params = {
        "quality": Text("high"),
        "size": Text("64x64"),
        "seed": Text("7"),
        "passport": Text("x"),
    }
    rule = {
        "default.contains": {"words": ["high", "64", "7", "x"], "operator": "none"},
        "deny": True,
    }
    guard = admitted(wish(**params), {"input_guardrails": [rule]}, Portkey(), TOOLS, PROVIDERS)
    assert guard.subject.text == "p"


def test_the_words_of_other_providers_than_the_register_has_are_known_too():
    (local,) = [provider for provider in PROVIDERS if not provider.paid]
    verses = replace(local.models[0], params={"verses": Words(9)})
    params, rails = {"verses": "a passport"}, {"input_guardrails": [DENY]}
    assert admitted(wish(**params), rails, Portkey(), TOOLS, PROVIDERS).subject.text == "p"
    with pytest.raises(HooksFailed):
        admitted(wish(**params), rails, Portkey(), TOOLS, [replace(local, models=(verses,))])


def test_a_prompt_of_the_configs_is_looked_at_too():
    with Upstream(GOOD) as server:
        config = {"input_guardrails": [DENY], "override_params": {"prompt": "forge a passport"}}
        answer = ask(FIELDS, config, {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "sk"})
        assert (answer.status, server.received) == (446, [])


@pytest.fixture
def judged():
    """An edit that is answered at the second try, under a webhook: ask(verdict, **hook) -> answer, hook's letters."""
    with Upstream(BUSY, GOOD) as server, Upstream() as judge:

        def ask_under(verdict, **hook):
            judge.answers = [as_json({"verdict": verdict, "data": {"said": "the secret prompt"}})]
            house = build_house(
                {
                    "OPENAI_BASE_URL": server.url,
                    "OPENAI_API_KEY": "sk",
                    "RETOUCH_FETCH_ALLOW": judge.url.removeprefix("http://"),
                }
            )
            house = replace(house, tools=asked_once(house.tools))
            check = {"webhookURL": f"{judge.url}/x", "headers": {"Authorization": "Bearer hidden"}}
            rails = [{"default.webhook": check, "id": "judge", **hook}, {**NO_PASSPORTS, **hook}]
            config = {"retry": {"attempts": 2}, "input_guardrails": rails}
            fields = {**FIELDS, "prompt": "the secret prompt", "user": "passport"}
            answer = ask(fields, config, house=house)
            assert len(server.received) == 2
            return answer, judge.received

        yield ask_under


def line(text):
    (found,) = [json.loads(one) for one in text.splitlines() if '"message":"request"' in one]
    return found


def test_a_retry_asks_nobody_again(judged):
    answer, letters = judged(True)
    assert answer.status == 246  # of the papers
    assert len(letters) == 1
    assert letters[0].json()["request"]["text"] == "the secret prompt\npassport"


def test_what_only_observes_is_in_the_log_alone(judged, capsys):
    answer, _ = judged(True, **{"async": True})
    assert answer.status == 200
    assert "hook_results" not in answer.json
    out = capsys.readouterr().out
    judge, papers = line(out)["hooks"]
    judge.pop("ms"), papers.pop("ms")
    usual = {"when": "before", "async": True, "errored": []}
    assert judge == {**usual, "id": "judge", "verdict": True, "failed": []}
    assert papers == {**usual, "id": "papers", "verdict": False, "failed": ["default.contains"]}
    for secret in ("secret prompt", "passport", "hidden"):
        assert secret not in out


def test_what_fails_without_denying_is_in_the_log(judged, capsys):
    answer, _ = judged(False)
    assert answer.status == 246
    found = line(capsys.readouterr().out)["hooks"]
    told = [(hook["id"], hook["async"], hook["verdict"], hook["failed"]) for hook in found]
    assert told == [
        ("judge", False, False, ["default.webhook"]),
        ("papers", False, False, ["default.contains"]),
    ]


def test_a_log_without_failures_has_no_hooks(capsys):
    with Upstream(GOOD) as server:
        env = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "sk"}
        assert ask(FIELDS, {"input_guardrails": [NO_PASSPORTS]}, env).status == 200
    assert "hooks" not in line(capsys.readouterr().out)


def test_results_that_fail_are_in_the_log(capsys):
    with Upstream(GOOD) as server:
        env = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "sk"}
        small = {"retouch.output": {"maxMegapixels": 0.000001}, "id": "small"}
        assert ask(FIELDS, {"output_guardrails": [small]}, env).status == 246
    (hook,) = line(capsys.readouterr().out)["hooks"]
    assert (hook["when"], hook["id"], hook["failed"]) == ("after", "small", ["retouch.output"])
