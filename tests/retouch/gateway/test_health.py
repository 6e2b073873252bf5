"""Tests of /health?deep=1: it checks everything that is configured, in parallel and within a time limit."""

import json
import threading
import time
from dataclasses import replace

import pytest

from retouch.core.settings import Settings
from retouch.gateway.health import NOT_CHECKED, NOT_CONFIGURED, OK, TIMED_OUT, check_health
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.results_bucket import ResultsBucket
from retouch.orders.stores import OrderStores
from retouch.providers import PROVIDERS
from retouch.providers.google import PROVIDER as GOOGLE
from tests.support.orders import InMemoryOrders
from tests.support.services import build_services
from tests.support.upstream import ScriptedResponse, Upstream, json_response

CHECKED_PROVIDERS = [provider for provider in PROVIDERS if provider.health_check]
ENTRA = {f"AZURE_OPENAI_{name}": "x" for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")}
HANGING_RESPONSE = ScriptedResponse(network_failure="hang")


def health_checks(env, **options):
    return check_health(build_services(env, **options))["checks"]


def env_with_every_key(url):
    """Return a key for every provider that has a check, and one base URL for all of them."""
    keys = {f"{provider.env_prefix}_API_KEY": "k" for provider in CHECKED_PROVIDERS}
    return keys | {f"{p.env_prefix}_{p.base_url_setting.upper()}": url for p in CHECKED_PROVIDERS}


class ServerByPath(Upstream):
    """A server that responds to every GET with the result of one function."""

    def __init__(self, response):
        super().__init__(ScriptedResponse())
        self.build_response = response

    def download(self, handler):
        self.record_request(handler)
        self.write_response(handler, self.build_response(handler.path))


def test_health_without_settings_checks_only_function_role():
    checks_found = health_checks({})
    assert checks_found.pop("bedrock") == NOT_CHECKED
    assert checks_found.pop("bucket") == NOT_CONFIGURED
    assert checks_found.pop("orders") == NOT_CONFIGURED
    assert checks_found == {
        p.name: NOT_CONFIGURED for p in PROVIDERS if p.auth and p.name != "bedrock"
    }


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
def test_provider_without_free_check_is_not_checked(env, name):
    assert health_checks(env)[name] == NOT_CHECKED


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"VERTEX_AI_LOCATION": "us-central1"}, "vertex-ai"),
        ({"AZURE_OPENAI_ENDPOINT": "https://acme.example"}, "azure-openai"),
        ({"OPENAI_ORGANIZATION": "org"}, "openai"),
    ],
)
def test_settings_without_key_are_reported_as_not_configured(env, name):
    assert health_checks(env)[name] == NOT_CONFIGURED


def test_invalid_region_is_reported_as_degraded():
    services = build_services({"BEDROCK_REGION": "not a region!"})
    report = check_health(services)
    assert report["status"] == "degraded"
    assert "region like us-west-2" in report["checks"]["bedrock"]


def test_health_check_uses_identity_token():
    with ServerByPath(lambda _: json_response({"data": []})) as azure:
        token = json_response({"access_token": "eyJ.t", "expires_in": 3600})
        with Upstream(token) as entra:
            env = {**ENTRA, "AZURE_OPENAI_ENDPOINT": azure.url}
            checks_found = health_checks({**env, "AZURE_OPENAI_AUTHORITY": entra.url})
        (request,) = azure.received
    assert checks_found["azure-openai"] == OK
    assert request.headers["authorization"] == "Bearer eyJ.t"


def test_incomplete_credentials_are_reported_by_name():
    env = {"AZURE_OPENAI_ENDPOINT": "https://acme.example", "AZURE_OPENAI_TENANT_ID": "t"}
    check = health_checks(env)["azure-openai"]
    assert "set AZURE_OPENAI_CLIENT_ID and AZURE_OPENAI_CLIENT_SECRET" in check


def test_providers_are_checked_in_parallel():
    """The server responds only when all requests have arrived."""
    barrier = threading.Barrier(len(CHECKED_PROVIDERS))

    def respond_when_all_arrived(_):
        barrier.wait(60)
        return json_response({})

    with ServerByPath(respond_when_all_arrived) as server:
        services = build_services(env_with_every_key(server.url))
        checks_found = check_health(services, max_seconds=60.0)["checks"]
    assert {checks_found[provider.name] for provider in CHECKED_PROVIDERS} == {OK}


def test_hanging_provider_is_reported_in_time_and_others_are_ok():
    with ServerByPath(
        lambda path: HANGING_RESPONSE if "/credits" in path else json_response({})
    ) as server:
        started = time.monotonic()
        services = build_services(env_with_every_key(server.url))
        report = check_health(services, max_seconds=4.0)
        elapsed = time.monotonic() - started
    checks_found = report["checks"]
    assert report["status"] == "degraded"
    assert checks_found["black-forest-labs"] == "Black Forest Labs did not respond in time."
    assert (checks_found["openai"], checks_found["reka-ai"]) == (OK, OK)
    assert elapsed < 30, "a hanging stand-in takes 60 seconds"


def test_hanging_bucket_is_reported_as_late(monkeypatch):
    """The S3 client has no deadline: it would wait half a minute and then retry."""
    with ServerByPath(lambda _: HANGING_RESPONSE) as s3:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        bucket = ResultsBucket(Settings(bucket="b"), AwsClients())
        services = build_services({"RETOUCH_BUCKET": "b"}, bucket=bucket)
        started = time.monotonic()
        checks_found = check_health(services, max_seconds=0.5)["checks"]
        elapsed = time.monotonic() - started
    assert checks_found["bucket"] == TIMED_OUT
    assert elapsed < 30


def test_default_limit_is_below_api_gateway_timeout():
    """The route keeps the default timeout of an API Gateway integration."""
    assert check_health.__defaults__ is not None
    (limit,) = check_health.__defaults__
    with ServerByPath(lambda _: HANGING_RESPONSE) as server:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": server.url}
        deadlines = []

        services = build_services(env)
        send = services.send

        def send_with_deadline(call, target, deadline):
            deadlines.append(deadline - services.clock.now())
            return send(call, target, services.clock.now() + 0.1)

        check_health(replace(services, send=send_with_deadline))
    assert 10 < deadlines[0] <= limit < 25


def test_unexpected_error_is_logged_and_not_returned(capsys, caplog):
    class BrokenBucket:
        def check_access(self):
            raise RuntimeError("the canary")

    with caplog.at_level("ERROR", "retouch"):
        checks_found = health_checks({"RETOUCH_BUCKET": "b"}, bucket=BrokenBucket())
    assert checks_found["bucket"] == "RuntimeError: see the log"
    assert "canary" not in json.dumps(checks_found)
    assert "canary" in caplog.text


def test_health_reads_the_table_of_orders():
    orders = InMemoryOrders()
    services = build_services(orders=OrderStores(orders, orders))
    assert check_health(services)["checks"]["orders"] == "ok"
    orders.is_down = True
    report = check_health(services)
    assert report["status"] == "degraded"
    assert report["checks"]["orders"] == "The table is down."


def model_list(**dates):
    models = [{"id": name.replace("_", "-"), "object": "model"} for name in ("gpt_image_2",)]
    models += [{"id": name, "object": "model", "shutdown_date": day} for name, day in dates.items()]
    return {"object": "list", "data": models}


def health_report(body):
    with ServerByPath(lambda _: json_response(body)) as server:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"{server.url}/v1"}
        return check_health(build_services(env))


def test_shutdown_dates_that_a_provider_states_differently_are_a_warning_with_both_dates():
    report = health_report(
        model_list(
            **{
                "gpt-image-2.5-flare": "2027-01-15",
                "gpt-image-1.5": "2026-12-01",
                "gpt-image-1-mini": None,
                "gpt-5": "2026-12-24",
            }
        )
    )
    assert (report["status"], report["checks"]["openai"]) == ("warn", OK)
    assert report["lifecycle"] == [
        {"model": "openai/gpt-image-2.5-flare", "ours": None, "theirs": "2027-01-15"},
        {"model": "openai/gpt-image-1-mini", "ours": "2026-12-01", "theirs": None},
    ]


def test_shutdown_dates_that_agree_are_no_warning():
    report = health_report(model_list(**{"gpt-image-1.5": "2026-12-01T00:00:00Z"}))
    assert (report["status"], report["lifecycle"]) == ("ok", [])


def test_shutdown_dates_are_not_checked_without_a_key():
    report = check_health(build_services({}))
    assert (report["status"], report["lifecycle"]) == ("ok", NOT_CHECKED)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": None},
        {"data": 5},
        [],
        {"data": [{"id": "gpt-image-2", "shutdown_date": "soon"}]},
    ],
)
def test_unreadable_list_of_models_is_no_failure(body):
    report = health_report(body)
    assert report["checks"]["openai"] == OK
    assert report["status"] == "ok"


def google_report(body):
    with ServerByPath(lambda _: json_response(body)) as server:
        env = {"GOOGLE_API_KEY": "k", "GOOGLE_BASE_URL": server.url}
        report = check_health(build_services(env))
    (request,) = server.received
    assert request.query["pageSize"] == "1000"
    return report


def google_list(*absent, **more):
    names = [model.id for model in GOOGLE.models if model.id not in absent]
    return {"models": [{"name": f"models/{name}"} for name in (*names, "gemini-4")], **more}


def test_model_that_the_provider_lists_no_more_is_a_warning():
    report = google_report(google_list("gemini-3-pro-image", "gemini-2.5-flash-image"))
    assert (report["status"], report["checks"]["google"]) == ("warn", OK)
    assert report["lifecycle"] == [
        {"model": "google/gemini-3-pro-image", "ours": None, "theirs": "not listed"},
        {"model": "google/gemini-2.5-flash-image", "ours": "2027-03-15", "theirs": "not listed"},
    ]


def test_complete_list_of_models_is_no_warning():
    report = google_report(google_list())
    assert (report["status"], report["lifecycle"]) == ("ok", [])


@pytest.mark.parametrize(
    "body",
    [
        google_list("gemini-3-pro-image", nextPageToken="t"),
        {"models": []},
        {"models": None},
        {"models": [{}]},
        {},
    ],
)
def test_list_of_models_that_is_not_complete_says_nothing(body):
    report = google_report(body)
    assert report["checks"]["google"] == OK
    assert (report["status"], report["lifecycle"]) == ("ok", NOT_CHECKED)
