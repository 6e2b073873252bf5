"""Edits with Reka's model, and plans that it responds with."""

import base64

from retouch.providers.reka_ai import PROVIDER
from tests.support import gateway_client
from tests.support.images import decode_image, photo
from tests.support.services import build_services

PHOTO = photo(96, 64)
GREYSCALE_PLAN = '{"steps": [{"op": "greyscale"}]}'
STRAIGHTEN_STEP = {"op": "straighten", "angle": 1}
INVALID_PLAN = '{"steps": [{"op": "paint", "what": "a hat"}]}'


def reka_edit(server, image=PHOTO, **fields):
    parts = {
        "model": "reka-ai/reka-flash",
        "prompt": "nicer",
        "image": gateway_client.file_part(image),
        **fields,
    }
    return gateway_client.post_edit(
        parts, services=build_services(server.env(), providers=(PROVIDER,))
    )


def result_image(response):
    return decode_image(base64.b64decode(response.json["data"][0]["b64_json"]))


def revised_prompt(response):
    return response.json["data"][0]["revised_prompt"]
