"""BFL's peculiarities: bare base64, two names for the picture, poll addresses and results on other hosts."""

import base64
import io
from urllib.parse import urlsplit

import pytest
from PIL import Image

from retouch.cards import Auth
from retouch.edges.upstream.origin import is_own
from retouch.plan.resolve import Target
from retouch.providers.black_forest_labs import FILL, PROVIDER
from tests.contract.standin import MAGENTA
from tests.contract.standins.black_forest_labs import BlackForestLabs
from tests.support import door
from tests.support.house import build_house
from tests.support.pictures import b64, cutout, encoded, hole, opened, photo

PHOTO = photo(96, 64)


@pytest.fixture
def server():
    with BlackForestLabs() as standin:
        yield standin


def buy(server, model="flux-kontext-pro", images=(PHOTO,), **fields):
    env = {"RETOUCH_FETCH_ALLOW": urlsplit(server.elsewhere.url).netloc, **server.env()}
    fields = {"model": f"black-forest-labs/{model}", "prompt": "p", **fields}
    parts = [*fields.items(), *(("image[]", door.png(data)) for data in images)]
    return door.edit(parts, house=build_house(env, providers=(PROVIDER,)))


def picture(answer):
    return opened(base64.b64decode(answer.json["data"][0]["b64_json"]))


def test_kontext_takes_its_pictures_by_number(server):
    others = [photo(32, 32), photo(48, 48)]
    answer = buy(server, images=[PHOTO, *others], seed="41")
    assert answer.status == 200, answer.json
    (order,) = server.calls
    assert order.path == "/v1/flux-kontext-pro"
    assert order.json() == {
        "prompt": "p",
        "output_format": "png",
        "seed": 41,
        "input_image": b64(PHOTO),
        "input_image_2": b64(others[0]),
        "input_image_3": b64(others[1]),
    }


def test_fill_repaints_what_is_transparent_and_calls_the_picture_image(server):
    answer = buy(server, "flux-pro-1.0-fill", mask=door.png(hole(96, 64)), steps="20")
    order = server.calls[0].json()
    assert set(order) == {"prompt", "output_format", "steps", "image", "mask"}
    mask = opened(base64.b64decode(order["mask"]))
    assert (mask.mode, mask.getpixel((48, 32)), mask.getpixel((2, 2))) == ("L", 255, 0)
    edited, original = picture(answer), opened(PHOTO)
    assert edited.getpixel((48, 32)) == MAGENTA
    assert edited.getpixel((2, 2)) == original.getpixel((2, 2))


def test_fill_keeps_soft_edges(server):
    soft = Image.linear_gradient("L").resize((96, 64))
    mask = Image.merge("LA", (Image.new("L", soft.size), soft)).convert("RGBA")
    assert buy(server, "flux-pro-1.0-fill", mask=door.png(encoded(mask))).status == 200
    seen = server.seen(server.calls[0])
    assert len(opened(seen.mask).getcolors()) > 30


def test_a_cutout_is_its_own_mask_and_travels_without_transparency(server):
    answer = buy(server, "flux-pro-1.0-fill", images=[cutout(96, 64)])
    seen = server.seen(server.calls[0])
    assert opened(seen.pictures[0]).mode == "RGB"
    assert opened(seen.mask).getpixel((48, 32)) == 255
    assert picture(answer).convert("RGB").getpixel((48, 32)) == MAGENTA


def test_fill_without_any_mark_is_refused_unpaid(server):
    answer = buy(server, "flux-pro-1.0-fill")
    assert answer.json["error"]["code"] == "mask_required"
    assert server.received == []


def test_a_size_is_two_numbers_on_flux_2_and_auto_is_none(server):
    assert picture(buy(server, "flux-2-pro", size="1280x720")).size == (1280, 720)
    assert buy(server, "flux-2-pro", size="auto").status == 200
    first, second = (call.json() for call in server.calls)
    assert (first["width"], first["height"]) == (1280, 720)
    assert (
        set(second)
        == {"prompt", "output_format", "input_image"}
        == set(first) - {"width", "height"}
    )


def test_eight_pictures_at_most_on_flux_2(server):
    images = [photo(32, 32)] * 9
    answer = buy(server, "flux-2-pro", images)
    assert answer.json["error"]["code"] == "too_many_images"
    assert buy(server, "flux-2-pro", images[1:]).status == 200
    assert "input_image_8" in server.calls[0].json()


def test_the_poll_goes_where_the_answer_says_and_the_result_is_fetched_without_key(server):
    assert buy(server).status == 200
    polls = server.received[1:]
    assert {(p.method, p.path, p.query["id"]) for p in polls} == {
        ("GET", "/v1/get_result", "task-0")
    }
    assert all(r.headers["x-key"] == server.key for r in server.received)
    (download,) = server.elsewhere.received
    assert server.key not in str(download.headers)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://api.bfl.ai/v1/get_result?id=1", True),
        ("https://api.eu.bfl.ai/v1/get_result?id=1", True),
        ("https://api.us1.bfl.ai/v1/get_result?id=1", True),
        ("https://delivery-eu1.bfl.ai/results/1.png?sig=x", False),
        ("https://api.bfl.ai.attacker.test/v1/get_result?id=1", False),
        ("http://api.eu.bfl.ai/v1/get_result?id=1", False),
    ],
)
def test_regional_hosts_get_the_key_and_delivery_hosts_do_not(url, own):
    target = Target(PROVIDER, FILL, FILL, options={"base_url": PROVIDER.base_url}, key="k")
    assert is_own(url, target) is own


def test_the_header_is_their_own():
    assert PROVIDER.auth == Auth("x-key")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_pictures_travel_in_the_format_they_came_in(server, format):
    data = photo(96, 64, format)
    assert buy(server, images=[data]).status == 200
    sent = server.seen(server.calls[0]).pictures[0]
    assert Image.open(io.BytesIO(sent)).format == format
