"""What /health?deep=1 finds: everything that is configured, side by side, and never later than anybody waits."""

import json
import threading
import time
from dataclasses import replace

import pytest

from retouch.edges.aws.session import Aws
from retouch.edges.aws.store import S3Bucket
from retouch.health import ABSENT, LATE, OK, UNKNOWN, deep
from retouch.providers import PROVIDERS
from retouch.settings import Settings
from tests.support.house import build_house
from tests.support.upstream import Answer, Upstream, as_json

CHECKED = [provider for provider in PROVIDERS if provider.check]
ENTRA = {f"AZURE_OPENAI_{name}": "x" for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")}
HANGS = Answer(fault="hang")


def checks(env, **parts):
    return deep(build_house(env, **parts))["checks"]


def every_key(url):
    """A key for every provider that can be checked, and one address for all of them."""
    keys = {f"{provider.env}_API_KEY": "k" for provider in CHECKED}
    return keys | {f"{p.env}_{p.base_setting.upper()}": url for p in CHECKED}


class Server(Upstream):
    """Answers every GET by one function."""

    def __init__(self, answer):
        super().__init__(Answer())
        self.said = answer

    def download(self, handler):
        self.record(handler)
        self.answer(handler, self.said(handler.path))


def test_without_any_setting_only_the_functions_role_may_pay():
    found = checks({})
    assert found.pop("bedrock") == UNKNOWN
    assert found.pop("bucket") == ABSENT
    assert found == {p.name: ABSENT for p in PROVIDERS if p.auth and p.name != "bedrock"}


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"BEDROCK_API_KEY": "k"}, "bedrock"),
        ({"AWS_BEARER_TOKEN_BEDROCK": "k"}, "bedrock"),
        ({"VERTEX_AI_API_KEY": "k"}, "vertex-ai"),
        ({"VERTEX_AI_SERVICE_ACCOUNT_JSON": "{}", "VERTEX_AI_PROJECT": "p"}, "vertex-ai"),
        ({"VERTEX_AI_PROJECT": "p"}, "vertex-ai"),
    ],
)
def test_what_has_no_free_check_is_said_to_be_unchecked(env, name):
    assert checks(env)[name] == UNKNOWN


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"VERTEX_AI_LOCATION": "us-central1"}, "vertex-ai"),
        ({"AZURE_OPENAI_ENDPOINT": "https://acme.example"}, "azure-openai"),
        ({"OPENAI_ORGANIZATION": "org"}, "openai"),
    ],
)
def test_settings_for_callers_with_keys_of_their_own_are_no_fault(env, name):
    assert checks(env)[name] == ABSENT


def test_a_region_that_is_none_is_told_though_nothing_can_be_asked():
    house = build_house({"BEDROCK_REGION": "not a region!"})
    found = deep(house)
    assert found["status"] == "degraded"
    assert "region like us-west-2" in found["checks"]["bedrock"]


def test_an_identity_is_asked_like_a_key():
    with Server(lambda _: as_json({"data": []})) as azure:
        token = as_json({"access_token": "eyJ.t", "expires_in": 3600})
        with Upstream(token) as entra:
            env = {**ENTRA, "AZURE_OPENAI_ENDPOINT": azure.url}
            found = checks({**env, "AZURE_OPENAI_AUTHORITY": entra.url})
        (asked,) = azure.received
    assert found["azure-openai"] == OK
    assert asked.headers["authorization"] == "Bearer eyJ.t"


def test_credentials_that_were_only_begun_are_told():
    env = {"AZURE_OPENAI_ENDPOINT": "https://acme.example", "AZURE_OPENAI_TENANT_ID": "t"}
    said = checks(env)["azure-openai"]
    assert "set AZURE_OPENAI_CLIENT_ID and AZURE_OPENAI_CLIENT_SECRET" in said


def test_all_are_asked_side_by_side():
    """Nobody is answered before everybody has asked."""
    together = threading.Barrier(len(CHECKED))

    def answer(_):
        together.wait(60)
        return as_json({})

    with Server(answer) as server:
        house = build_house(every_key(server.url))
        found = deep(house, limit=60.0)["checks"]
    assert {found[provider.name] for provider in CHECKED} == {OK}


def test_who_hangs_is_named_in_time_and_the_others_are_ok():
    with Server(lambda path: HANGS if "/credits" in path else as_json({})) as server:
        started = time.monotonic()
        house = build_house(every_key(server.url))
        report = deep(house, limit=4.0)
        took = time.monotonic() - started
    found = report["checks"]
    assert report["status"] == "degraded"
    assert found["black-forest-labs"] == "Black Forest Labs did not answer in time."
    assert (found["openai"], found["reka-ai"]) == (OK, OK)
    assert took < 30, "a stand-in hangs for 60 seconds"


def test_a_bucket_that_hangs_is_not_waited_for(monkeypatch):
    """Its client has no deadline: it would wait half a minute and then try again."""
    with Server(lambda _: HANGS) as s3:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        bucket = S3Bucket(Settings(bucket="b"), Aws())
        house = build_house({"RETOUCH_BUCKET": "b"}, bucket=bucket)
        started = time.monotonic()
        found = deep(house, limit=0.5)["checks"]
        took = time.monotonic() - started
    assert found["bucket"] == LATE
    assert took < 30


def test_the_limit_leaves_api_gateway_time_to_answer():
    """Its default for an integration, which the route keeps."""
    (limit,) = deep.__defaults__
    with Server(lambda _: HANGS) as server:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": server.url}
        deadlines = []

        house = build_house(env)
        send = house.send

        def seen(call, target, deadline):
            deadlines.append(deadline - house.clock.now())
            return send(call, target, house.clock.now() + 0.1)

        deep(replace(house, send=seen))
    assert 10 < deadlines[0] <= limit < 25


def test_an_accident_is_in_the_log(capsys, caplog):
    class Broken:
        def reachable(self):
            raise RuntimeError("the canary")

    with caplog.at_level("ERROR", "retouch"):
        found = checks({"RETOUCH_BUCKET": "b"}, bucket=Broken())
    assert found["bucket"] == "RuntimeError: see the log"
    assert "canary" not in json.dumps(found)
    assert "canary" in caplog.text
