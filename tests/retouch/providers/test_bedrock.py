"""AWS Bedrock's peculiarities: colons in paths, successes that are none, quotas and endings in disguise."""

import base64

import pytest

from retouch.errors import InvalidRequest
from retouch.providers.bedrock import PROVIDER, locate
from tests.contract.standin import MAGENTA
from tests.contract.standins.bedrock import MODELS, Bedrock, failed
from tests.support.door import edit, png
from tests.support.house import build_house
from tests.support.pictures import cutout, hole, opened, photo, scene

IMAGE = png(photo(96, 96))
MASK = png(hole(96, 96))
CUTOUT = png(cutout(96, 96))
INPAINT = "us.stability.stable-image-inpaint-v1:0"


@pytest.fixture
def server():
    with Bedrock() as server:
        yield server


def ask(server, fields, model="edit"):
    house = build_house(server.env(), providers=(PROVIDER,))
    return edit({"model": f"bedrock/{model}", "image": IMAGE, **fields}, house=house)


def words_of(call):
    """The order without its pictures."""
    named = ("image", "mask", "init_image", "style_image")
    return {name: value for name, value in call.json().items() if name not in named}


@pytest.mark.parametrize(
    ("fields", "operation", "sent"),
    [
        ({"prompt": "p", "mask": MASK}, "inpaint", {"prompt": "p"}),
        ({"prompt": "p", "image": CUTOUT}, "inpaint", {"prompt": "p"}),
        ({"mask": MASK, "grow_mask": "0"}, "erase", {"grow_mask": 0}),
        ({"left": "10", "up": "3"}, "outpaint", {"left": 10, "up": 3}),
        ({"prompt": "p", "search_prompt": "cat"}, "search-and-replace", {"prompt": "p", "search_prompt": "cat"}),
        ({"prompt": "p", "select_prompt": "hat"}, "search-and-recolor", {"prompt": "p", "select_prompt": "hat"}),
        ({"background": "transparent"}, "remove-background", {}),
        (
            {"prompt": "p", "user": "u"},
            "image-to-image",
            {"prompt": "p", "mode": "image-to-image", "strength": 0.7},
        ),
        (
            {"prompt": "p", "strength": "0.2"},
            "image-to-image",
            {"prompt": "p", "mode": "image-to-image", "strength": 0.2},
        ),
    ],
)  # fmt: skip
def test_the_operation_follows_the_request(server, fields, operation, sent):
    answer = ask(server, fields)
    assert answer.status == 200, answer.json
    (call,) = server.calls
    profile = next(name for name, does in MODELS.items() if does == operation)
    assert call.path == f"/model/{profile.replace(':', '%3A')}/invoke"
    assert words_of(call) == sent
    assert answer.headers["x-retouch-operation"] == operation


def test_the_documented_example(server):
    prompt = {"prompt": "a green velvet armchair", "mask": MASK}
    ask(server, {**prompt, "seed": "41", "grow_mask": "5", "output_format": "png"})
    (call,) = server.calls
    assert (call.method, call.path) == (
        "POST",
        "/model/us.stability.stable-image-inpaint-v1%3A0/invoke",
    )
    assert call.headers["authorization"] == f"Bearer {server.key}"
    assert (call.headers["content-type"], call.headers["accept"]) == ("application/json",) * 2
    body = call.json()
    image, mask = (opened(base64.b64decode(body.pop(name))) for name in ("image", "mask"))
    assert (image.size, image.mode, mask.size, mask.mode) == ((96, 96), "RGB", (96, 96), "L")
    assert body == {
        "prompt": "a green velvet armchair",
        "seed": 41,
        "grow_mask": 5,
        "output_format": "png",
    }


@pytest.mark.parametrize("profile", MODELS)
def test_a_profiles_id_is_a_models_id(profile):
    card = PROVIDER.model(profile)
    assert card is not None
    assert (card.upstream, card.operation) == (profile, MODELS[profile])


def test_a_profile_can_be_named(server):
    answer = ask(server, {"prompt": "p", "mask": MASK}, INPAINT)
    assert answer.status == 200
    assert answer.headers["x-retouch-model"] == "bedrock/inpaint"
    assert server.calls[0].path.count("inpaint") == 1


def test_style_comes_from_the_second_picture(server):
    house = build_house(server.env(), providers=(PROVIDER,))
    parts = [("model", "bedrock/style-transfer"), ("image[]", IMAGE), ("image[]", CUTOUT)]
    assert edit(parts, house=house).status == 200
    assert server.calls[0].json().keys() == {"init_image", "style_image"}


def test_white_is_edited_and_nothing_else(server):
    answer = ask(server, {"prompt": "p", "mask": MASK, "preserve": "false"})
    result = opened(base64.b64decode(answer.json["data"][0]["b64_json"]))
    assert result.getpixel((48, 48)) == MAGENTA
    assert result.getpixel((2, 2)) == scene(96, 96).getpixel((2, 2))


@pytest.mark.parametrize(
    ("edges", "wanted", "asked"),
    [
        ({"left": "10"}, {}, None),
        ({"left": "2000", "right": "2000", "down": "2000"}, {}, "webp"),
        ({"left": "2000", "right": "2000", "down": "2000"}, {"output_format": "png"}, "png"),
    ],
)
def test_a_large_canvas_would_not_fit_into_an_answer_as_png(server, edges, wanted, asked):
    assert ask(server, {**edges, **wanted}).status == 200
    assert server.calls[0].json().get("output_format") == asked


@pytest.mark.parametrize(
    ("failure", "stage"),
    [
        ("moderated_1_prompt", "input"),
        ("moderated_2_input", "input"),
        ("moderated_3_output", "output"),
    ],
)
def test_a_success_may_be_a_refusal(server, failure, stage):
    server.fail(server.failures()[failure])
    answer = ask(server, {"prompt": "p"})
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (400, "moderation_blocked")
    assert error["moderation_details"]["moderation_stage"] == stage
    assert answer.headers["x-retouch-billed"] == "unknown"


def test_an_inference_error_is_nobodys_moderation(server):
    server.fail(server.failures()["inference"])
    answer = ask(server, {"prompt": "p"})
    assert (answer.status, answer.json["error"]["code"]) == (502, "provider_error")
    assert "Inference error" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        ("retired", "AWS has retired the model. This model version has reached the end"),
        ("retired_unused", "AWS has retired the model. Access denied."),
        ("not_enabled", "You don't have access to the model"),
    ],
)
def test_why_it_failed_is_told(server, failure, says):
    server.fail(server.failures()[failure])
    assert ask(server, {"prompt": "p"}).json["error"]["message"].startswith(says)


def test_a_used_up_quota_is_not_knocked_at(server):
    server.fail(server.failures()["quota"])
    answer = ask(server, {"prompt": "p"})
    assert (answer.status, answer.json["error"]["code"]) == (429, "insufficient_quota")
    assert answer.headers["x-should-retry"] == "false"


def test_who_the_gateway_is_at_aws_stays_here(server):
    server.fail(server.failures()["forbidden"])
    answer = ask(server, {"prompt": "p"})
    assert answer.status == 500
    assert "arn:" not in str(answer.json)


def test_a_model_that_warms_up_is_asked_again(server):
    warming = failed(429, "ModelNotReadyException", "The model is not ready.")
    server.failing = [warming, warming]
    server.fail(server.failures()["not_ready"])
    answer = ask(server, {"prompt": "p"})
    assert (answer.status, len(server.calls)) == (502, 3)


def test_nothing_else_is_asked_twice(server):
    server.fail(server.failures()["rate_limited"])
    assert ask(server, {"prompt": "p"}).status == 429
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "https://bedrock-runtime.us-west-2.amazonaws.com"),
        ({"region": "us-east-1"}, "https://bedrock-runtime.us-east-1.amazonaws.com"),
    ],
)
def test_the_region_makes_the_address(options, url):
    assert locate(options) == url


@pytest.mark.parametrize(
    "region", ["x@127.0.0.1", "us-west-2.evil.example/", "127.0.0.1:1/#", "-a"]
)
def test_a_region_is_a_name_and_no_address(region):
    with pytest.raises(InvalidRequest, match="region like us-west-2") as refused:
        locate({"region": region})
    assert refused.value.param == "x-portkey-aws-region"


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        (
            {"quality": "standard", "mask": MASK, "prompt": "p"},
            "quality: inpaint has no such parameter",
        ),
        ({"quality": "premium", "prompt": "p"}, "quality: image-to-image has no such parameter"),
        ({"seed": "3", "negative_prompt": "n", "mask": MASK, "prompt": "p"}, ""),
        ({"left": "9"}, "operation: outpaint"),
    ],
)
def test_the_contract_of_a_retired_model_holds(server, fields, note):
    answer = ask(server, fields, "amazon.nova-canvas-v1:0")
    assert answer.status == 200, answer.json
    assert note in answer.headers["x-retouch-notes"]
    sent = words_of(server.calls[0])
    assert sent.keys() >= fields.keys() - {"mask", "quality"}


@pytest.mark.parametrize(
    ("field", "value"), [("n", "6"), ("quality", "high"), ("seed", "2147483647")]
)
def test_the_limits_of_a_retired_contract_hold(server, field, value):
    fields = {"prompt": "p", "mask": MASK, field: value}
    answer = ask(server, fields, "amazon.nova-canvas-v1:0")
    assert (answer.status, answer.json["error"]["param"]) == (400, field)
    assert server.calls == []


def test_pictures_that_do_not_fit_are_not_sent():
    for card in PROVIDER.models:
        base64_bytes = card.request_bytes * 4 / 3
        assert base64_bytes + 3 * 4 * card.prompt_chars < 25_000_000
