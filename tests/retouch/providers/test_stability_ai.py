"""Stability AI's peculiarities: an operation for every wish, soft masks, blurred successes, a slow background."""

import base64
import re

import pytest

from retouch.health import deep
from retouch.providers.stability_ai import PROVIDER
from tests.contract.standin import MAGENTA
from tests.contract.standins._stability import fails
from tests.contract.standins.stability_ai import StabilityAI, said
from tests.support.door import edit, png
from tests.support.house import TestClock, build_house
from tests.support.pictures import cutout, encoded, hole, opened, photo, scene
from tests.support.upstream import as_json

IMAGE = png(photo(96, 96))
MASK = png(hole(96, 96))
CUTOUT = png(cutout(96, 96))


@pytest.fixture
def server():
    with StabilityAI() as server:
        yield server


@pytest.fixture
def clock():
    return TestClock()


def ask(server, fields, clock=None):
    wanted = dict(fields)
    model = wanted.pop("model", "edit")
    first = {"model": f"stability-ai/{model}", "image": wanted.pop("image", IMAGE)}
    several = isinstance(first["image"], list)
    pictures = [("image[]", i) for i in first.pop("image")] if several else []
    house = build_house(server.env(), clock, providers=(PROVIDER,))
    return edit([*first.items(), *pictures, *wanted.items()], house=house)


def picture_of(answer):
    return opened(base64.b64decode(answer.json["data"][0]["b64_json"]))


@pytest.mark.parametrize(
    ("fields", "path", "sent"),
    [
        ({"prompt": "p", "mask": MASK}, "edit/inpaint", {"prompt": "p"}),
        ({"prompt": "p", "image": CUTOUT}, "edit/inpaint", {"prompt": "p"}),
        ({"mask": MASK}, "edit/erase", {}),
        ({"image": CUTOUT, "grow_mask": "0"}, "edit/erase", {"grow_mask": "0"}),
        ({"left": "10", "down": "0"}, "edit/outpaint", {"left": "10", "down": "0"}),
        ({"up": "9", "prompt": "sky", "image": CUTOUT}, "edit/outpaint", {"up": "9", "prompt": "sky"}),
        ({"prompt": "p", "search_prompt": "cat"}, "edit/search-and-replace", {"prompt": "p", "search_prompt": "cat"}),
        ({"prompt": "p", "select_prompt": "hat"}, "edit/search-and-recolor", {"prompt": "p", "select_prompt": "hat"}),
        ({"background": "transparent"}, "edit/remove-background", {}),
        (
            {"prompt": "p"},
            "generate/sd3",
            {"prompt": "p", "mode": "image-to-image", "model": "sd3.5-large", "strength": "0.7"},
        ),
        (
            {"prompt": "p", "model": "sd3.5-flash", "strength": "0.25"},
            "generate/sd3",
            {"prompt": "p", "mode": "image-to-image", "model": "sd3.5-flash", "strength": "0.25"},
        ),
        ({"prompt": "p", "model": "ultra"}, "generate/ultra", {"prompt": "p", "strength": "0.7"}),
        ({"prompt": "p", "model": "control-style"}, "control/style", {"prompt": "p"}),
        ({"prompt": "p", "model": "erase", "mask": MASK}, "edit/erase", {}),
    ],
)  # fmt: skip
def test_the_operation_follows_the_request(server, fields, path, sent):
    answer = ask(server, fields)
    assert answer.status == 200, answer.json
    (call,) = server.calls
    assert call.path == f"/v2beta/stable-image/{path}"
    assert call.fields == sent


def test_the_documented_example(server):
    ask(
        server,
        {
            "prompt": "a green velvet armchair",
            "mask": MASK,
            "seed": "41",
            "output_format": "png",
            "user": "Zoë\n<zoe@example.com>",
        },
    )
    (call,) = server.calls
    assert (call.method, call.path) == ("POST", "/v2beta/stable-image/edit/inpaint")
    assert [(name, file, kind) for name, file, kind, _ in call.files] == [
        ("image", "image.png", "image/png"),
        ("mask", "mask.png", "image/png"),
    ]
    assert call.fields == {
        "prompt": "a green velvet armchair",
        "seed": "41",
        "output_format": "png",
    }
    assert call.headers["accept"] == "application/json"
    assert call.headers["authorization"] == f"Bearer {server.key}"
    assert re.fullmatch("[0-9a-f]{64}", call.headers["stability-client-user-id"])


def test_white_is_edited_and_nothing_else(server):
    answer = ask(server, {"prompt": "p", "mask": MASK, "preserve": "false"})
    result, mask = picture_of(answer), opened(server.calls[0].files[1][3])
    assert (mask.mode, mask.getpixel((48, 48)), mask.getpixel((2, 2))) == ("L", 255, 0)
    assert result.getpixel((48, 48)) == MAGENTA
    assert result.getpixel((2, 2)) == scene(96, 96).getpixel((2, 2))


def test_greys_mean_partial_strength(server):
    mask = opened(hole(96, 96))
    mask.paste((0, 0, 0, 55), (0, 0, 20, 20))
    ask(server, {"prompt": "p", "mask": png(encoded(mask))})
    sent = opened(server.calls[0].files[1][3])
    assert [sent.getpixel(at) for at in ((5, 5), (48, 48), (90, 5))] == [200, 255, 0]


def test_pictures_go_without_transparency(server):
    ask(server, {"prompt": "p", "image": CUTOUT})
    image, mask = (opened(data) for _, _, _, data in server.calls[0].files)
    assert "A" not in image.getbands()
    assert mask.getpixel((48, 48)) == 255


def test_without_a_mark_there_is_nothing_to_erase(server):
    answer = ask(server, {"model": "erase"})
    assert (answer.status, answer.json["error"]["code"]) == (400, "mask_required")
    assert server.calls == []


def test_a_cut_out_picture_as_jpeg_is_made_from_png(server):
    answer = ask(server, {"model": "remove-background", "output_format": "jpeg"})
    assert server.calls[0].fields == {"output_format": "png"}
    assert picture_of(answer).format == "JPEG"


def test_a_blurred_success_is_moderation_and_stays_here(server):
    failure = server.failures()["moderated_2_blurred"]
    server.fail(failure)
    answer = ask(server, {"prompt": "p"})
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (400, "moderation_blocked")
    assert error["moderation_details"] == {"moderation_stage": "output", "categories": []}
    assert answer.headers["x-retouch-billed"] == "unknown"
    assert "data" not in answer.json


def test_moderation_before_the_work_costs_nothing(server):
    server.fail(server.failures()["moderated_1_before"])
    answer = ask(server, {"prompt": "p"})
    assert answer.json["error"]["moderation_details"]["moderation_stage"] == "input"
    assert answer.headers["x-retouch-billed"] == "no"


def test_another_language_is_the_prompts_fault(server):
    server.fail(server.failures()["language"])
    error = ask(server, {"prompt": "ein Stuhl"}).json["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", "prompt")


def test_a_light_that_is_not_there_has_no_strength(server):
    fields = {"model": "replace-background-and-relight", "prompt": "a beach"}
    answer = ask(server, {**fields, "light_source_strength": "0.5"})
    assert (answer.status, answer.json["error"]["param"]) == (400, "light_source_strength")
    assert server.calls == []


@pytest.mark.parametrize(
    "light", [{"light_source_direction": "left"}, {"image": [IMAGE, IMAGE, IMAGE]}]
)
def test_a_light_has_a_strength(server, light):
    fields = {"model": "replace-background-and-relight", "prompt": "a beach"}
    answer = ask(server, {**fields, "light_source_strength": "0.5", **light})
    assert answer.status == 200, answer.json


@pytest.mark.parametrize("model", ["edit", "outpaint"])
@pytest.mark.parametrize("zero", ["0", "00"])
def test_nothing_is_painted_around_by_no_pixels(server, model, zero):
    answer = ask(server, {"model": model, "left": zero, "down": "0"})
    assert (answer.status, answer.json["error"]["param"]) == (400, "left")
    assert "other than 0" in answer.json["error"]["message"]
    assert server.calls == []


def test_a_lockout_lasts_a_minute_and_is_not_knocked_at(server):
    server.fail(server.failures()["rate_limited"])
    answer = ask(server, {"prompt": "p"})
    assert (answer.status, answer.headers["retry-after"]) == (429, "60")
    assert len(server.calls) == 1


def test_a_hint_is_better_than_the_documented_minute(server):
    server.fail(server.failures()["rate_limited_with_hint"])
    assert ask(server, {"prompt": "p"}).headers["retry-after"] == "30"


RELIT = {
    "model": "replace-background-and-relight",
    "prompt": "a beach",
    "image": [IMAGE, png(photo(80, 80))],
    "keep_original_background": "true",
    "light_source_direction": "above",
}


def test_a_new_background_is_asked_for_until_it_is_there(server, clock):
    answer = ask(server, RELIT, clock)
    assert answer.status == 200, answer.json
    order, *polls = server.received
    assert [name for name, *_ in order.files] == ["subject_image", "background_reference"]
    assert order.fields == {
        "background_prompt": "a beach",
        "keep_original_background": "true",
        "light_source_direction": "above",
    }
    assert [(poll.method, poll.path) for poll in polls] == [
        ("GET", f"/v2beta/results/{0:064x}")
    ] * 2
    assert clock.slept == [10.0, 10.0]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (said(404, "not_found", "expired"), 404),
        (said(500, "internal_error", "oops"), 502),
        (said(403, "content_moderation", "no"), 400),
    ],
)
def test_what_was_ordered_may_be_billed(server, clock, answer, expected):
    failure = fails(answer, expected, None)
    failure.after = 1
    server.fail(failure)
    told = ask(server, RELIT, clock)
    assert (told.status, told.headers["x-retouch-billed"]) == (expected, "unknown")
    assert len(server.calls) == 1


def test_a_background_that_never_comes_ends_in_time(server, clock):
    failure = fails(as_json({"id": "0", "status": "in-progress"}, 202), 504, None)
    failure.after = 1
    server.fail(failure)
    answer = ask(server, RELIT, clock)
    assert (answer.status, answer.headers["x-retouch-billed"]) == (504, "unknown")
    assert sum(clock.slept) < 60


def test_each_of_several_has_a_seed_of_its_own(server):
    answer = ask(server, {"prompt": "p", "n": "3", "seed": "7"})
    assert len(answer.json["data"]) == 3
    assert sorted(call.fields["seed"] for call in server.calls) == ["7", "8", "9"]


@pytest.mark.parametrize("model", PROVIDER.models, ids=lambda model: model.id)
def test_every_card_has_a_price_and_its_source(model):
    assert model.chooses or (0.02 <= model.price.picture <= 0.08 and model.price.source)


def test_a_key_is_checked_for_nothing(server):
    house = build_house(server.env(), providers=(PROVIDER,))
    assert deep(house)["checks"]["stability-ai"] == "ok"
    assert [received.path for received in server.received] == ["/v1/user/balance"]
