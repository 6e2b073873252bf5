"""Edits with Portkey's headers and configs, sent to two providers on real sockets."""

import json

from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, photo
from tests.support.services import build_services
from tests.support.upstream import json_response

IMAGE_RESPONSE = json_response({"created": 1, "data": [{"b64_json": b64(photo())}]})
RATE_LIMITED = json_response(
    {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429
)
SERVER_ERROR = json_response({"error": {"message": "oops"}}, 500)
MODERATED = json_response({"error": {"message": "no", "code": "moderation_blocked"}}, 400)
FIELDS = {"prompt": "p", "image": file_part(photo()), "model": "gpt-image-2"}
A = {"name": "a", "provider": "openai", "api_key": "sk-a"}
B = {"name": "b", "provider": "azure-openai", "api_key": "az-b"}


def send_edit(world, config=None, fields=(), services=None, **headers):
    openai, azure = world
    env = {"OPENAI_BASE_URL": openai.url, "AZURE_OPENAI_ENDPOINT": azure.url}
    header_values = {
        f"x-portkey-{name.replace('_', '-')}": value for name, value in headers.items()
    }
    if config:
        header_values["x-portkey-config"] = (
            config if isinstance(config, str) else json.dumps(config)
        )
    services = services or build_services(env)
    return post_edit({**FIELDS, **dict(fields)}, headers=header_values, services=services)


def fallback_config(*targets, **strategy):
    return {"strategy": {"mode": "fallback", **strategy}, "targets": list(targets)}


def target_and_retries(response):
    return (
        response.headers["x-portkey-last-used-option-index"],
        response.headers["x-portkey-retry-attempt-count"],
    )


KEYS = {
    "TeamA": {"provider": "openai", "api_key": "sk-team"},
    "az": {"provider": "azure-openai", "api_key": "az-team"},
    "ob": {"provider": "openai", "api_key": "sk-ob"},
}


def services_with_virtual_keys(world, **env):
    openai, azure = world
    env = {"OPENAI_BASE_URL": openai.url, "AZURE_OPENAI_ENDPOINT": azure.url, **env}
    return build_services(env, secrets={"RETOUCH_VIRTUAL_KEYS": json.dumps(KEYS)})


def send_rejected_edit(world, param, *args, **kwargs):
    response = send_edit(world, *args, **kwargs)
    error = response.json["error"]
    assert (response.status, error["param"]) == (400, param), error
    assert response.headers["x-retouch-billed"] == "no"
    assert world[0].received == world[1].received == []
    return error["message"]
