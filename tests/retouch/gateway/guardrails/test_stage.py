"""Tests of guardrails around an edit: the texts they check, the remote checks they call, and the log."""

import json
from dataclasses import replace

import pytest

from retouch.core.edit_types import FormText
from retouch.core.parameters import StringParam
from retouch.gateway.guardrails.config import read_guardrails
from retouch.gateway.guardrails.runner import HooksFailed, memoize_clients
from retouch.gateway.guardrails.stage import check_request, describe_request, require_permission
from retouch.providers import PROVIDERS
from tests.contract.standins.stability_ai import StabilityAIStandIn
from tests.support.edit_requests import PLAIN_REQUEST
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, box_mask, photo
from tests.support.services import build_services
from tests.support.upstream import Upstream, json_response

NO_PASSPORTS_HOOK = {
    "default.contains": {"words": ["passport"], "operator": "none", "ignoreCase": True},
    "id": "papers",
}
DENYING_HOOK = {**NO_PASSPORTS_HOOK, "deny": True}
IMAGE_RESPONSE = json_response({"created": 1, "data": [{"b64_json": b64(photo())}]})
RATE_LIMITED = json_response(
    {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429
)
CLIENTS = build_services().guardrail_clients
FIELDS = {"prompt": "p", "image": file_part(photo()), "model": "gpt-image-2"}


def edit_request(prompt="p", **params):
    return replace(PLAIN_REQUEST, prompt=prompt, fit_mode="strict", params=params)


def check_edit(request, hooks, providers):
    """Run the hooks before an edit. Return what they looked at. Raises HooksFailed."""
    guardrails = read_guardrails(hooks)
    guardrail_input = describe_request(guardrails, request, {}, providers)
    report = check_request(guardrails, guardrail_input, CLIENTS, is_strict=True)
    require_permission(report, billed="no")
    return guardrail_input


def send_edit(fields, config, env=None, services=None):
    return post_edit(fields, env, {"x-portkey-config": json.dumps(config)}, services=services)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("inpaint", {"negative_prompt": "passport", "mask": file_part(box_mask(96, 96))}),
        ("search-and-replace", {"search_prompt": "Passport"}),
        ("search-and-recolor", {"select_prompt": "pass\u200bport"}),
        ("inpaint", {"negative_prompt": "ｐassport", "mask": file_part(box_mask(96, 96))}),
        ("replace-background-and-relight", {"foreground_prompt": "pa\u0301ssport"}),
    ],
)
def test_every_text_parameter_is_checked_before_provider_call(model, fields):
    base_fields = {
        "model": f"stability-ai/{model}",
        "prompt": "p",
        "image": file_part(photo(96, 96)),
    }
    with StabilityAIStandIn() as server:
        response = send_edit(
            {**base_fields, **fields}, {"input_guardrails": [DENYING_HOOK]}, server.env()
        )
        assert (response.status, server.received) == (446, [])


def test_every_text_parameter_of_every_model_is_checked():
    models = [
        (p, model) for p in PROVIDERS for model in (*p.models, p.deployment_template) if model
    ]
    texts = {
        n
        for _, model in models
        for n, spec in model.params.items()
        if isinstance(spec, StringParam)
    }
    assert {"negative_prompt", "search_prompt", "user"} <= texts
    for name in texts:
        with pytest.raises(HooksFailed):
            check_edit(
                edit_request(**{name: FormText("a passport")}),
                {"input_guardrails": [DENYING_HOOK]},
                PROVIDERS,
            )


def test_non_text_parameters_are_not_checked():
    params = {
        "quality": FormText("high"),
        "size": FormText("64x64"),
        "seed": FormText("7"),
        "passport": FormText("x"),
    }
    rule = {
        "default.contains": {"words": ["high", "64", "7", "x"], "operator": "none"},
        "deny": True,
    }
    guardrail_input = check_edit(edit_request(**params), {"input_guardrails": [rule]}, PROVIDERS)
    assert guardrail_input.text == "p"


def test_text_parameters_of_given_providers_are_checked():
    (local,) = [provider for provider in PROVIDERS if not provider.is_paid]
    model_with_text_parameter = replace(local.models[0], params={"verses": StringParam(9)})
    params, hooks = {"verses": "a passport"}, {"input_guardrails": [DENYING_HOOK]}
    assert check_edit(edit_request(**params), hooks, PROVIDERS).text == "p"
    with pytest.raises(HooksFailed):
        check_edit(
            edit_request(**params), hooks, [replace(local, models=(model_with_text_parameter,))]
        )


def test_prompt_from_override_params_is_checked():
    with Upstream(IMAGE_RESPONSE) as server:
        config = {
            "input_guardrails": [DENYING_HOOK],
            "override_params": {"prompt": "forge a passport"},
        }
        response = send_edit(
            FIELDS, config, {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "sk"}
        )
        assert (response.status, server.received) == (446, [])


@pytest.fixture
def edit_under_webhook():
    """Return a function that sends an edit under a webhook: (verdict, **hook) -> (response, webhook requests).

    The provider responds to the second attempt.
    """
    with Upstream(RATE_LIMITED, IMAGE_RESPONSE) as server, Upstream() as webhook:

        def send_edit_under(verdict, **hook):
            webhook.responses = [
                json_response({"verdict": verdict, "data": {"said": "the secret prompt"}})
            ]
            services = build_services(
                {
                    "OPENAI_BASE_URL": server.url,
                    "OPENAI_API_KEY": "sk",
                    "RETOUCH_WEBHOOK_ALLOW": webhook.url.removeprefix("http://"),
                }
            )
            services = replace(
                services, guardrail_clients=memoize_clients(services.guardrail_clients)
            )
            check = {
                "webhookURL": f"{webhook.url}/x",
                "headers": {"Authorization": "Bearer hidden"},
            }
            hooks = [
                {"default.webhook": check, "id": "judge", **hook},
                {**NO_PASSPORTS_HOOK, **hook},
            ]
            config = {"retry": {"attempts": 2}, "input_guardrails": hooks}
            fields = {**FIELDS, "prompt": "the secret prompt", "user": "passport"}
            response = send_edit(fields, config, services=services)
            assert len(server.received) == 2
            return response, webhook.received

        yield send_edit_under


def request_log_line(text):
    (line_object,) = [
        json.loads(line_text)
        for line_text in text.splitlines()
        if '"message":"request"' in line_text
    ]
    return line_object


def test_retry_does_not_repeat_webhook_check(edit_under_webhook):
    response, webhook_requests = edit_under_webhook(True)
    assert response.status == 246  # because of the hook "papers"
    assert len(webhook_requests) == 1
    assert webhook_requests[0].json()["request"]["text"] == "the secret prompt\npassport"


def test_async_hook_result_is_only_logged(edit_under_webhook, capsys):
    response, _ = edit_under_webhook(True, **{"async": True})
    assert response.status == 200
    assert "hook_results" not in response.json
    out = capsys.readouterr().out
    judge_hook, papers_hook = request_log_line(out)["hooks"]
    judge_hook.pop("ms"), papers_hook.pop("ms")
    usual = {"when": "before", "async": True, "errored": []}
    assert judge_hook == {**usual, "id": "judge", "verdict": True, "failed": []}
    assert papers_hook == {
        **usual,
        "id": "papers",
        "verdict": False,
        "failed": ["default.contains"],
    }
    for secret in ("secret prompt", "passport", "hidden"):
        assert secret not in out


def test_failed_hook_without_deny_is_logged(edit_under_webhook, capsys):
    response, _ = edit_under_webhook(False)
    assert response.status == 246
    hooks = request_log_line(capsys.readouterr().out)["hooks"]
    summary = [(hook["id"], hook["async"], hook["verdict"], hook["failed"]) for hook in hooks]
    assert summary == [
        ("judge", False, False, ["default.webhook"]),
        ("papers", False, False, ["default.contains"]),
    ]


def test_log_line_without_failures_has_no_hooks(capsys):
    with Upstream(IMAGE_RESPONSE) as server:
        env = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "sk"}
        assert send_edit(FIELDS, {"input_guardrails": [NO_PASSPORTS_HOOK]}, env).status == 200
    assert "hooks" not in request_log_line(capsys.readouterr().out)


def test_failed_output_hook_is_logged(capsys):
    with Upstream(IMAGE_RESPONSE) as server:
        env = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "sk"}
        small = {"retouch.output": {"maxMegapixels": 0.000001}, "id": "small"}
        assert send_edit(FIELDS, {"output_guardrails": [small]}, env).status == 246
    (hook,) = request_log_line(capsys.readouterr().out)["hooks"]
    assert (hook["when"], hook["id"], hook["failed"]) == ("after", "small", ["retouch.output"])
