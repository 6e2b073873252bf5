"""Azure's peculiarities: two URL forms, deployments, formats, five shapes of refusal."""

import base64

import pytest

from retouch import health
from retouch.messages import Job
from retouch.providers.azure_openai import PROVIDER
from tests.support.door import edit, png
from tests.support.house import build_house
from tests.support.pictures import b64, hole, opened, photo
from tests.support.upstream import Upstream, as_json

CLASSIC = "/openai/deployments/gpt-image-2/images/edits"
FIELDS = {"model": "azure-openai/gpt-image-2", "prompt": "p", "image": png(photo())}


def buy(env, upstream, **fields):
    return edit({**FIELDS, **fields}, env), upstream.calls


@pytest.mark.parametrize(
    ("base", "version", "path", "query", "model"),
    [
        ("", "", "/openai/deployments/gpt-image-2/images/edits", {"api-version": "2025-04-01-preview"}, None),
        ("/", "2025-05-01", "/openai/deployments/gpt-image-2/images/edits", {"api-version": "2025-05-01"}, None),
        ("/openai/deployments/old/images/edits?api-version=x", "", None, {"api-version": "2025-04-01-preview"}, None),
        ("/openai/v1", "", "/openai/v1/images/edits", {}, "gpt-image-2"),
        ("/openai/v1/", "preview", "/openai/v1/images/edits", {"api-version": "preview"}, "gpt-image-2"),
        ("", "v1", "/openai/v1/images/edits", {}, "gpt-image-2"),
        ("/openai-a", "2025-05-01", f"/openai-a{CLASSIC}", {"api-version": "2025-05-01"}, None),
        ("/openai-a/openai/v1?api-version=x", "", "/openai-a/openai/v1/images/edits", {}, "gpt-image-2"),
        ("/apim", "", "/apim/openai/deployments/gpt-image-2/images/edits", {"api-version": "2025-04-01-preview"}, None),
    ],
)  # fmt: skip
def test_url_forms(env, upstream, base, version, path, query, model):
    env = {**env, "AZURE_OPENAI_ENDPOINT": upstream.url + base, "AZURE_OPENAI_API_VERSION": version}
    answer, (call,) = buy(env, upstream)
    assert answer.status == 200
    assert call.path == (path or "/openai/deployments/gpt-image-2/images/edits")
    assert call.query == query
    assert call.fields.get("model") == model
    assert call.headers["api-key"] == "az-configured"
    assert "authorization" not in call.headers


@pytest.mark.parametrize("resource", ["acme", "openai-prod", "openai"])
def test_a_resource_may_have_any_name(resource):
    base = f"https://{resource}.openai.azure.com"
    job = Job("gpt-image-2", "p", (), options={"base_url": base})
    assert next(PROVIDER.edit(job)).path == f"{base}/openai/deployments/gpt-image-2/images/edits"
    assert PROVIDER.check({"base_url": f"{base}/openai/v1/"}).path == f"{base}/openai/models"


@pytest.mark.parametrize(
    "name", ["127.0.0.1:1/", "evil.example/", "x@127.0.0.1", "a.b", "-", "ä", "A"]
)
def test_a_resource_is_a_name_and_no_address(env, upstream, name):
    headers = {"authorization": "Bearer mine", "x-portkey-azure-resource-name": name}
    answer = edit(FIELDS, env, headers=headers)
    said = answer.json["error"]
    assert (answer.status, said["param"]) == (400, "x-portkey-azure-resource-name")
    assert upstream.calls == []


@pytest.mark.parametrize(
    "pasted",
    ["", "/", "/openai/v1/", "/openai/deployments/x/images/edits?api-version=2025-04-01-preview"],
)
def test_a_pasted_endpoint_is_checked_all_the_same(pasted):
    with Upstream(as_json({"data": []})) as upstream:
        upstream.files["/openai/models"] = b"{}"
        env = {"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": upstream.url + pasted}
        assert health.deep(build_house(env))["checks"]["azure-openai"] == health.OK
        assert [call.path for call in upstream.received] == ["/openai/models"]


def test_deployments_may_have_any_name(env, upstream):
    _, (call,) = buy(env, upstream, model="azure-openai/my-edits.v2")
    assert "/deployments/my-edits.v2/" in call.path


def test_models_are_mapped_to_deployments(env, upstream):
    _, (call,) = buy({**env, "AZURE_OPENAI_DEPLOYMENTS": "gpt-image-2 = img2"}, upstream)
    assert "/deployments/img2/" in call.path


def test_webp_is_converted_both_ways_and_noted(env, upstream):
    answer, (call,) = buy(
        env,
        upstream,
        image=png(photo(64, 64, "WEBP")),
        output_format="webp",
        output_compression="40",
    )
    assert call.files[0][2] == "image/png"
    assert opened(call.files[0][3]).size == (64, 64)
    assert call.fields["output_format"] == "png"
    assert "output_compression" not in call.fields
    assert opened(base64.b64decode(answer.json["data"][0]["b64_json"])).format == "WEBP"
    assert "image: webp was converted to png" in answer.headers["x-retouch-notes"]


def test_default_quality_is_named_because_it_differs(env, upstream):
    answer, (call,) = buy(env, upstream, quality="auto")
    assert call.fields["quality"] == "high"
    assert "quality: auto became high" in answer.headers["x-retouch-notes"]


@pytest.mark.parametrize(
    ("model", "quality"), [("gpt-image-2", "high"), ("gpt-image-1-mini", "medium")]
)
def test_quality_is_said_where_the_caller_does_not(env, upstream, model, quality):
    answer, (call,) = buy(env, upstream, model=f"azure-openai/{model}")
    assert call.fields["quality"] == quality
    assert f"quality: auto became {quality}" in answer.headers["x-retouch-notes"]


def test_the_old_contract_has_the_old_quality(env, upstream):
    fields = {"model": "azure-openai/dall-e-2", "mask": png(hole())}
    _, (call,) = buy(env, upstream, **fields)
    assert call.fields["quality"] == "medium"


def test_without_usage_the_estimate_is_that_of_the_quality_ordered(env):
    with Upstream(as_json({"data": [{"b64_json": b64(photo())}], "usage": None})) as upstream:
        answer = edit(FIELDS, {**env, "AZURE_OPENAI_ENDPOINT": upstream.url})
    assert answer.headers["x-retouch-cost-usd"] == "0.211 estimated"


def test_moderation_is_not_ours_to_lower(env, upstream):
    answer, calls = buy(env, upstream, moderation="low")
    assert answer.json["error"]["param"] == "moderation"
    assert calls == []


def test_mask_travels(env, upstream):
    _, (call,) = buy(env, upstream, mask=png(hole()))
    assert [name for name, *_ in call.files] == ["image", "mask"]


FILTERS = [
    {"code": "contentFilter", "message": "safety system"},
    {
        "code": "content_policy_violation",
        "inner_error": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_results": {"violence": {"filtered": True}, "hate": {"filtered": False}},
        },
    },
    {
        "code": "content_filter",
        "param": "prompt",
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {"violence": {"filtered": True}},
        },
    },
    {
        "code": "moderation_blocked",
        "message": "Azure support ticket safety_violations=[violence].",
        "type": "image_generation_user_error",
    },
]


@pytest.mark.parametrize("error", FILTERS, ids=[str(e["code"]) for e in FILTERS])
def test_every_filter_is_moderation(env, error):
    with Upstream(as_json({"created": 1, "error": error}, 400)) as upstream:
        answer = edit(FIELDS, {**env, "AZURE_OPENAI_ENDPOINT": upstream.url})
        assert len(upstream.calls) == 1
    said = answer.json["error"]
    assert (answer.status, said["code"]) == (400, "moderation_blocked")
    assert said["type"] == "image_generation_user_error"
    if error["code"] != "contentFilter":
        assert said["moderation_details"]["categories"] == ["violence"]


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (403, {"code": "Forbidden", "message": "has been temporarily blocked because"}, (500, "provider_credentials")),
        (401, {"code": "401", "message": "invalid subscription key"}, (500, "provider_credentials")),
        (404, {"code": "DeploymentNotFound", "message": "no"}, (404, "DeploymentNotFound")),
        (429, {"code": "429", "message": "slow"}, (429, "rate_limit_exceeded")),
        (400, {"code": 400, "message": "bad"}, (400, "provider_refused")),
    ],
)  # fmt: skip
def test_other_failures(env, status, error, expected):
    with Upstream(as_json({"error": error}, status)) as upstream:
        answer = edit(FIELDS, {**env, "AZURE_OPENAI_ENDPOINT": upstream.url})
    assert (answer.status, answer.json["error"]["code"]) == expected


def test_retry_after_in_milliseconds_wins(env):
    limited = as_json(
        {"error": {"code": "429"}}, 429, **{"retry-after-ms": "9500", "retry-after": "60"}
    )
    with Upstream(limited) as upstream:
        answer = edit(FIELDS, {**env, "AZURE_OPENAI_ENDPOINT": upstream.url})
    assert answer.headers["retry-after"] == "9.5"


def test_no_address_is_the_operators_fault(env):
    answer = edit(FIELDS, {"AZURE_OPENAI_API_KEY": "k"})
    assert answer.status == 500
    assert "AZURE_OPENAI_ENDPOINT" in answer.json["error"]["message"]


def test_partial_results_survive(env):
    body = {"created": 1, "data": [{"b64_json": b64(photo())}]}
    with Upstream(as_json(body)) as upstream:
        answer = edit(FIELDS, {**env, "AZURE_OPENAI_ENDPOINT": upstream.url})
    assert "usage" not in answer.json
