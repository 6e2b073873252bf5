"""Edits whose telemetry is read: their request, their provider, and a fault of the gateway."""

from dataclasses import replace

from retouch.core.errors import GatewayMisconfigured
from tests.support.gateway_client import file_part
from tests.support.images import b64, photo
from tests.support.services import build_services
from tests.support.upstream import json_response

IMAGE = photo()
FIELDS = {"model": "openai/gpt-image-2", "prompt": "p", "image": file_part(IMAGE)}
PROVIDER_ENV = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:9"}
IMAGE_RESPONSE = json_response({"created": 1, "data": [{"b64_json": b64(IMAGE)}]})
DIRECT_EVENT = {
    "model": FIELDS["model"],
    "prompt": "p",
    "images": [{"image_url": f"data:image/png;base64,{b64(IMAGE)}"}],
}


def fail(*_, **__):
    raise RuntimeError("a defect of the gateway")


def refuse_to_send(*_, **__):
    raise GatewayMisconfigured("the settings are wrong", code="gateway_not_configured")


def services_with_defect(**env):
    """Return services that cause a fault of the gateway after planning, when provider and model are known."""
    return replace(build_services({**PROVIDER_ENV, **env}), send=refuse_to_send)


def gateway_fault_after_planning(edit):
    return edit(services=services_with_defect())
