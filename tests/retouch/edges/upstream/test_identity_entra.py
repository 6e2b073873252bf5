"""Entra's tokens: asked of a real token server, kept for as long as they are good, and told to nobody."""

import threading
from dataclasses import replace

import pytest

from retouch.edges.upstream.identity_entra import EntraIdentity
from retouch.errors import BadUpstream, Misconfigured, Unauthorized, Unreachable
from retouch.plan.resolve import Target
from retouch.providers.azure_openai import PROVIDER
from tests.contract.standins.azure_openai import AzureOpenAI
from tests.support.door import edit, png
from tests.support.house import TestClock
from tests.support.pictures import photo
from tests.support.upstream import Answer, Upstream, as_json, closed_port

SECRETS = {"tenant_id": "tenant", "client_id": "client", "client_secret": "s3cret~/+value"}
SCOPE = "https://cognitiveservices.azure.com/.default"


def granted(token="eyJ.one", seconds=3600):
    return as_json({"token_type": "Bearer", "expires_in": seconds, "access_token": token})


def refused(status, error, description):
    return as_json({"error": error, "error_description": description}, status)


def target(server=None, **options):
    card = PROVIDER.models[0]
    authority = {"authority": server.url} if server else {}
    return replace(Target(PROVIDER, card, card), options={**authority, **options}, secrets=SECRETS)


def vouch(identity, where):
    return identity(where, "POST", "https://acme.openai.azure.com/openai/v1/images/edits", b"body")


def test_client_credentials_become_a_bearer_token():
    with Upstream(granted()) as server:
        said = vouch(EntraIdentity(TestClock()), target(server))
        (asked,) = server.calls
    assert said == {"Authorization": "Bearer eyJ.one"}
    assert asked.path == "/tenant/oauth2/v2.0/token"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    form = dict(pair.split("=") for pair in asked.body.decode().split("&"))
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "client",
        "client_secret": "s3cret~%2F%2Bvalue",
        "scope": "https%3A%2F%2Fcognitiveservices.azure.com%2F.default",
    }


def test_the_scope_is_the_operators_choice():
    with Upstream(granted()) as server:
        vouch(EntraIdentity(TestClock()), target(server, scope="https://ai.azure.com/.default"))
        assert b"scope=https%3A%2F%2Fai.azure.com%2F.default" in server.calls[0].body


def test_a_tenant_stays_one_segment_of_the_path():
    with Upstream(granted()) as server:
        odd = replace(target(server), secrets={**SECRETS, "tenant_id": "../a?b"})
        vouch(EntraIdentity(TestClock()), odd)
        assert server.calls[0].path == "/..%2Fa%3Fb/oauth2/v2.0/token"


def test_a_token_is_kept_until_five_minutes_before_its_end():
    clock = TestClock()
    with Upstream(granted("eyJ.one"), granted("eyJ.two")) as server:
        identity = EntraIdentity(clock)
        first = vouch(identity, target(server))
        clock.sleep(3600 - 300 - 5)
        assert vouch(identity, target(server)) == first
        assert len(server.calls) == 1
        clock.sleep(10)
        assert vouch(identity, target(server)) == {"Authorization": "Bearer eyJ.two"}


def test_a_rotated_secret_asks_anew():
    with Upstream(granted("eyJ.old"), granted("eyJ.new")) as server:
        identity = EntraIdentity(TestClock())
        vouch(identity, target(server))
        rotated = replace(target(server), secrets={**SECRETS, "client_secret": "other"})
        assert vouch(identity, rotated) == {"Authorization": "Bearer eyJ.new"}


def test_many_threads_ask_once():
    slow = replace(granted(), delay=0.2)
    with Upstream(slow) as server:
        identity, said = EntraIdentity(TestClock()), []
        crowd = [
            threading.Thread(target=lambda: said.append(vouch(identity, target(server))))
            for _ in range(8)
        ]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
        assert len(server.calls) == 1
    assert said == [{"Authorization": "Bearer eyJ.one"}] * 8


def test_without_any_credentials_a_key_is_asked_for():
    with pytest.raises(Unauthorized, match="AZURE_OPENAI_API_KEY or AZURE_OPENAI_TENANT_ID and"):
        vouch(EntraIdentity(TestClock()), replace(target(), secrets={}))


@pytest.mark.parametrize("absent", [["tenant_id"], ["client_id", "client_secret"]])
def test_incomplete_credentials_are_named(absent):
    few = {name: value for name, value in SECRETS.items() if name not in absent}
    with pytest.raises(Misconfigured) as told:
        vouch(EntraIdentity(TestClock()), replace(target(), secrets=few))
    for name in SECRETS:
        assert (f"AZURE_OPENAI_{name.upper()}" in str(told.value)) == (name in absent)
    assert "AZURE_OPENAI_API_KEY" in str(told.value)


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (
            refused(401, "invalid_client", "AADSTS7000215: Invalid secret s3cret~/+value of tenant."),
            Misconfigured,
            "AADSTS7000215",
        ),
        (refused(400, "unauthorized_client", "no code"), Misconfigured, "(400)"),
        (refused(429, "temporarily_unavailable", "s3cret~/+value"), BadUpstream, "429"),
        (Answer(503, b"<html>s3cret~/+value"), BadUpstream, "503"),
        (Answer(200, b"<html>"), BadUpstream, "200"),
        (as_json({"access_token": "eyJ.x"}), BadUpstream, "200"),
        (as_json(["eyJ.x"]), BadUpstream, "200"),
        (Answer(302, b"", {"location": "http://127.0.0.1:1/"}), BadUpstream, "302"),
        (Answer(fault="reset"), Unreachable, "cannot be reached"),
    ],
)  # fmt: skip
def test_refusals_and_nonsense(answer, kind, says):
    with Upstream(answer) as server, pytest.raises(kind) as told:
        vouch(EntraIdentity(TestClock()), target(server))
    assert says in str(told.value)
    assert told.value.billed == "no"
    assert "s3cret" not in str(told.value)
    assert told.value.__cause__ is None


def test_no_token_server():
    nowhere = target(authority=f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(Unreachable):
        vouch(EntraIdentity(TestClock()), nowhere)


def test_a_refusal_is_not_kept():
    with Upstream(refused(401, "invalid_client", "AADSTS1"), granted()) as server:
        identity = EntraIdentity(TestClock())
        with pytest.raises(Misconfigured):
            vouch(identity, target(server))
        assert vouch(identity, target(server)) == {"Authorization": "Bearer eyJ.one"}


def test_an_edit_without_a_key_is_vouched_for():
    with AzureOpenAI() as azure, Upstream(granted("eyJ.entra")) as entra:
        env = {
            "AZURE_OPENAI_ENDPOINT": azure.url,
            "AZURE_OPENAI_AUTHORITY": entra.url,
            **{f"AZURE_OPENAI_{name.upper()}": value for name, value in SECRETS.items()},
        }
        fields = {"model": "azure-openai/gpt-image-2", "prompt": "p", "image": png(photo())}
        answer = edit(fields, env)
        (call,) = azure.calls
    assert answer.status == 200
    assert call.headers["authorization"] == "Bearer eyJ.entra"
    assert "api-key" not in call.headers
    assert len(entra.calls) == 1
