"""Segmind's peculiarities: a schema for every slug, two API versions, failures under other statuses."""

import base64
from urllib.parse import urlsplit

import pytest
from PIL import Image

from retouch.messages import Reply
from retouch.providers.segmind import PROVIDER, SLUGS, explain
from tests.contract.standin import MAGENTA
from tests.contract.standins.segmind import RESET, Segmind
from tests.support import door
from tests.support.house import build_house
from tests.support.pictures import b64, cutout, data_url, encoded, hole, opened, photo
from tests.support.upstream import Answer, as_json

PHOTO = photo(96, 64)
MASK = door.png(hole(96, 64))
MASKED = [model.id for model in PROVIDER.models if model.needs_mask]
FREE = [model.id for model in PROVIDER.models if not model.mask]


@pytest.fixture
def server():
    with Segmind() as standin:
        yield standin


def buy(server, model="edit", more=None, images=(PHOTO,), **fields):
    allow = urlsplit(server.elsewhere.url).netloc
    env = {"RETOUCH_FETCH_ALLOW": allow, **server.env(), **(more or {})}
    fields = {"model": f"segmind/{model}", "prompt": "p", **fields}
    parts = [*fields.items(), *(("image[]", door.png(data)) for data in images)]
    return door.edit(parts, house=build_house(env, providers=(PROVIDER,)))


def picture(answer):
    return opened(base64.b64decode(answer.json["data"][0]["b64_json"])).convert("RGB")


def test_the_tables_agree():
    assert {*SLUGS, "edit"} == {model.id for model in PROVIDER.models}


@pytest.mark.parametrize("body", [b"", b"<html>We are sorry.</html>", b"not a picture"])
def test_a_file_that_is_no_picture_is_no_success(server, body):
    server.failing = [Answer(200, body, {"content-type": "image/png"})]
    answer = buy(server, "seg-beyond", left="9")
    assert (answer.status, answer.json["error"]["code"]) == (502, "no_image_returned")
    assert answer.headers["x-retouch-billed"] == "unknown"


@pytest.mark.parametrize("output", [{}, [], None, 5, [[]], {"image": None}, "", {"a": {"b": []}}])
def test_a_job_without_a_result_is_no_success(server, output):
    server.accepted = lambda _: Segmind.accepted(server, output)
    answer = buy(server, "qwen-image-edit")
    assert (answer.status, answer.json["error"]["code"]) == (502, "provider_error")


@pytest.mark.parametrize(
    "around", [lambda link: [None, link], lambda link: {"seed": 0, "images": [{"url": link}]}]
)
def test_a_result_is_found_behind_what_is_none(server, around):
    server.accepted = lambda output: Segmind.accepted(server, around(output))
    assert buy(server, "qwen-image-edit").status == 200


def test_nothing_is_painted_around_by_no_pixels(server):
    answer = buy(server, "seg-beyond", left="0")
    assert (answer.status, answer.json["error"]["param"]) == (400, "left")
    assert server.received == []


def test_a_classic_slug_is_ordered_as_documented(server):
    answer = buy(server, "sdxl-inpaint", mask=MASK, strength="0.9", seed="41", output_format="png")
    (call,) = server.received
    order = call.json()
    mask = opened(base64.b64decode(order.pop("mask")))
    assert call.path == "/v1/sdxl-inpaint"
    assert order == {
        "image": b64(PHOTO),
        "prompt": "p",
        "samples": 1,
        "strength": 0.9,
        "seed": 41,
        "base64": False,
    }
    assert (mask.getpixel((48, 32)), mask.getpixel((2, 2))) == (255, 0)
    assert answer.json["output_format"] == "png"


def test_a_current_slug_is_ordered_polled_and_fetched(server):
    images = [photo(32 + i, 32) for i in range(3)]
    answer = buy(server, "qwen-image-edit-plus", images=images, output_format="jpeg")
    assert answer.status == 200, answer.json
    order, *polls = server.received
    assert order.json() == {
        "image": data_url(photo(32, 32)),
        "image_2": data_url(photo(33, 32)),
        "image_3": data_url(photo(34, 32)),
        "prompt": "p",
        "image_format": "jpg",
    }
    status = "/v2/requests/r_0/status"
    assert [p.path for p in polls] == [status, status, status, "/v2/requests/r_0"]
    (download,) = server.elsewhere.received
    assert server.key not in str(download.headers)


@pytest.mark.parametrize(
    ("fields", "slug"),
    [
        ({"mask": MASK}, "flux-fill-pro"),
        ({"images": [cutout(96, 64)]}, "flux-fill-pro"),
        ({"left": "16"}, "seg-beyond"),
        ({"left": "16", "prompt": ""}, "seg-beyond"),
        ({}, "qwen-image-edit-plus"),
    ],
)
def test_what_was_sent_chooses_the_slug(server, fields, slug):
    answer = buy(server, **fields)
    assert answer.status == 200, answer.json
    assert server.calls[0].path.endswith(f"/{slug}")


def test_a_request_that_means_nothing_is_refused_unpaid(server):
    assert buy(server, prompt="").status == 400
    assert server.received == []


def test_what_the_chosen_slug_lacks_is_refused_by_name(server):
    answer = buy(server, mask=MASK, go_fast="true")
    assert answer.json["error"]["param"] == "go_fast"
    assert server.received == []


def test_an_unknown_slug_is_refused_by_name(server):
    answer = buy(server, "sd3-inpainting")
    assert (answer.status, answer.json["error"]["code"]) == (404, "model_not_found")
    assert "sd3-inpainting" in answer.json["error"]["message"]
    assert server.received == []


@pytest.mark.parametrize("slug", MASKED)
def test_transparent_is_what_is_repainted(server, slug):
    answer = buy(server, slug, mask=MASK, preserve="false", output_format="png")
    edited, original = picture(answer), opened(PHOTO)
    assert close(edited.getpixel((48, 32)), MAGENTA)
    assert close(edited.getpixel((4, 4)), original.getpixel((4, 4)))


def close(one, other):
    """Equal but for what JPEG does."""
    return all(abs(a - b) < 24 for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("slug", FREE)
def test_every_other_slug_answers(server, slug):
    answer = buy(server, slug, **({"left": "16"} if slug == "seg-beyond" else {}))
    assert answer.status == 200, answer.json
    assert picture(answer).getpixel((48, 32)) in (MAGENTA, opened(PHOTO).getpixel((48, 32)))


@pytest.mark.parametrize("slug", MASKED)
def test_only_fill_is_given_soft_edges(server, slug):
    soft = Image.linear_gradient("L").resize((96, 64))
    mask = Image.merge("LA", (Image.new("L", soft.size), soft)).convert("RGBA")
    assert buy(server, slug, mask=door.png(encoded(mask))).status == 200
    levels = len(opened(server.seen(server.calls[0]).mask).getcolors())
    assert levels > 30 if slug.startswith("flux") else levels == 2


def test_sd15_works_at_the_pictures_size_in_eights(server):
    answer = buy(server, "sd1.5-inpainting", images=[photo(100, 71)], mask=door.png(hole(100, 71)))
    assert answer.status == 200, answer.json
    order = server.calls[0].json()
    assert (order["img_width"], order["img_height"]) == (96, 64)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("slug", ["sdxl-inpaint", "flux-fill-dev"])
def test_an_operator_may_force_the_version(server, version, slug):
    answer = buy(server, slug, {"SEGMIND_API_VERSION": version}, mask=MASK)
    assert answer.status == 200, answer.json
    assert server.calls[0].path == f"/{version}/{slug}"


@pytest.mark.parametrize("slug", ["sdxl-inpaint", "flux-fill-pro"])
def test_pictures_may_be_uploaded_first(server, slug):
    upload = {"SEGMIND_UPLOAD_URL": f"{server.url}/upload-asset"}
    assert buy(server, slug, upload, mask=MASK).status == 200
    first, order = server.received[:2]
    assert first.json()["data_urls"][0] == data_url(PHOTO)
    links = [order.json()[name] for name in ("image", "mask")]
    assert links == [f"{server.elsewhere.url}/results/{i}" for i in range(2)]


def test_an_upload_that_loses_a_file_orders_nothing(server):
    server.failing = [as_json({"file_urls": ["https://images.segmind.com/assets/1.png"]})]
    upload = {"SEGMIND_UPLOAD_URL": f"{server.url}/upload-asset"}
    assert buy(server, "flux-fill-pro", upload, mask=MASK).status == 502
    assert server.calls == []


def test_an_upload_is_no_order(server):
    """A refusal of the order after it is still free."""
    url = f"{server.elsewhere.url}/results/0"
    server.failing = [as_json({"file_urls": [url, url]}), as_json({"error": "bad mask"}, 400)]
    upload = {"SEGMIND_UPLOAD_URL": f"{server.url}/upload-asset"}
    answer = buy(server, "flux-fill-pro", upload, mask=MASK)
    assert (answer.status, answer.headers["x-retouch-billed"]) == (400, "no")


@pytest.mark.parametrize(
    ("status", "words", "expected"),
    [
        (422, "content flagged by safety filter", (400, "moderation_blocked")),
        (200, "content flagged by safety filter", (400, "moderation_blocked")),
        (422, "no GPU", (502, "provider_error")),
        (200, "no GPU", (502, "provider_error")),
    ],
)
def test_a_failed_job_is_never_free_and_never_asked_for_its_result(server, status, words, expected):
    server.ending = as_json({"status": "FAILED", "error": words}, status)
    answer = buy(server)
    assert (answer.status, answer.json["error"]["code"]) == expected
    assert answer.json["error"]["message"] == words
    assert answer.headers["x-retouch-billed"] == "unknown"
    assert len(server.received) == 2


def test_base64_in_json_is_a_picture_too(server):
    server.failing = [as_json({"image": b64(PHOTO), "status": "Success", "infer_time": 3.1})]
    assert picture(buy(server, "seg-beyond", left="16")).tobytes() == opened(PHOTO).tobytes()


def test_a_job_on_another_host_is_not_asked_after(server):
    server.fail(server.failures()["status_elsewhere"])
    answer = buy(server)
    assert (answer.status, answer.json["error"]["code"]) == (502, "provider_error")
    assert answer.headers["x-retouch-billed"] == "unknown"
    assert server.elsewhere.received == []


def limited(**headers):
    return explain(Reply(429, headers, b'{"error": "Rate limit exceeded"}'))


def test_the_wait_is_read_against_the_answers_own_date():
    assert limited(**RESET).retry_after == 3.0
    assert limited(**{**RESET, "date": "Sun, 22 Nov 2026 00:31:09 GMT"}).retry_after == 0.0
    assert (
        limited(**{**RESET, "x-rate-limit-reset-at-utc": "2026-11-22T00:31:00"}).retry_after == 3.0
    )
    assert limited(date=RESET["date"]).retry_after is None
    assert limited(**{n: v for n, v in RESET.items() if n != "date"}).retry_after is None


def test_an_order_over_the_rate_is_sent_again_after_the_wait(server):
    server.good_first = 0
    server.failing = [as_json({"error": "Rate limit exceeded"}, 429, **RESET), as_json({})]
    buy(server)
    assert len(server.calls) == 2


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (422, "content flagged by safety filter", "moderated"),
        (400, "NSFW content detected", "moderated"),
        (500, "Blocked by moderation", "moderated"),
        (400, "safety_tolerance must be at most 6", ""),
        (400, "Invalid parameter disable_safety_checker", ""),
        (422, "CUDA out of memory", "failed"),
        (406, "Insufficient credits", "out_of_quota"),
        (406, "Monthly spend limit reached", "out_of_quota"),
        (406, "Unsupported content type", ""),
        (400, "colour balance must be a number", ""),
        (410, "gone", "no_such_model"),
    ],
)
def test_failures_are_known_by_their_words(status, text, kind):
    told = explain(Reply(status, {}, as_json({"error": text}).body))
    assert told.kind == kind
    assert ("moderation_details" in told.details) is (kind == "moderated")
