"""Photos of people with masks of tools over HTTP: nothing outside the mask changes, at providers and locally.

The providers repaint everything, so that each unchanged pixel is one that the gateway restored or `local/erase` kept.
"""

import base64
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
import requests
from PIL import ImageChops

from devserver.server import DevServer
from retouch.providers import PROVIDERS
from tests.contract import paint
from tests.contract.registry import make_standin
from tests.retouch.imaging.displayed import displayed_pixels
from tests.support.images import decode_image, differing_area
from tests.support.tool_masks import SIZE, TOOL_MASKS
from tests.support.user_photos import PHOTOS

MODELS = (
    "openai/gpt-image-2",
    "google/gemini-nano-banana-2.1",
    "stability-ai/inpaint",
    "local/erase",
)
MASKS = (
    "Photoshop, white on black",
    "GIMP, grey",
    "canvas, destination-out",
    "SAM, boolean",
)


@pytest.fixture(scope="module")
def gateway_url():
    """Return the URL of the development server, whose providers are stand-ins that repaint everything."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(paint, "EVERYWHERE", True)
        names = {model.split("/")[0] for model in MODELS}
        providers = [one for one in PROVIDERS if one.name in names and one.is_paid]
        servers = [stack.enter_context(make_standin(provider)) for provider in providers]
        env = {"RETOUCH_AUTH_MODE": "open"}
        for server in servers:
            env |= server.env()
        hosts = (urlsplit(server.result_host.url).netloc for server in servers)
        env["RETOUCH_FETCH_ALLOW"] = ",".join(hosts)
        yield stack.enter_context(DevServer(env=env, workers=2)).url


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("mask_name", MASKS)
@pytest.mark.parametrize("photo_name", PHOTOS)
def test_nothing_outside_a_tool_mask_changes_over_http(gateway_url, model, photo_name, mask_name):
    photo, tool_mask = PHOTOS[photo_name](), TOOL_MASKS[mask_name]
    fields = {"model": model, "prompt": "p", "mask_mode": tool_mask.mask_mode}
    if not model.startswith("local/"):
        fields["preserve"] = "true"
    response = requests.post(
        f"{gateway_url}/v1/images/edits",
        data=fields,
        files={"image": ("photo", photo), "mask": ("mask", tool_mask.build())},
        timeout=60,
    )
    assert response.status_code == 200, response.text
    edited = decode_image(base64.b64decode(response.json()["data"][0]["b64_json"]))
    assert edited.size == SIZE
    changed = differing_area(edited.convert("RGBA"), displayed_pixels(photo))
    assert changed.getbbox(), "the marked area was not edited"
    assert ImageChops.subtract(changed, tool_mask.area).getbbox() is None
    unmarked = tool_mask.area.histogram()[0]
    assert int(response.headers["x-retouch-preserved-pixels"]) == unmarked
