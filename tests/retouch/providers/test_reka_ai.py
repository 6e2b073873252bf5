"""Reka plans and Retouch carries out: what the model is told, what is believed of its answer, who pays."""

import base64
import json
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from reka.client import Reka

from retouch.errors import BadUpstream
from retouch.messages import Reply
from retouch.operations.registry import OPERATIONS
from retouch.operations.steps import read_steps
from retouch.operations.values import PlanError
from retouch.providers._planner_answer import Refusal, read_answer
from retouch.providers._planner_words import EXAMPLES, MASKED_EXAMPLES, system_prompt
from retouch.providers.reka_ai import PROVIDER, explain
from tests.contract.standin import MAGENTA
from tests.contract.standins.reka_ai import REFUSAL, RekaStandIn, chat
from tests.support import door
from tests.support.house import build_house
from tests.support.pictures import encoded, hole, opened, photo, scene
from tests.support.upstream import Answer, as_json

PAGE = (Path(__file__).parents[3] / "docs/planner.md").read_text()
PHOTO = photo(96, 64)
GREY = '{"steps": [{"op": "greyscale"}]}'
TILT = {"op": "straighten", "angle": 1}
WRONG = '{"steps": [{"op": "paint", "what": "a hat"}]}'


@pytest.fixture
def server():
    with RekaStandIn() as standin:
        yield standin


def buy(server, image=PHOTO, **fields):
    parts = {"model": "reka-ai/reka-flash", "prompt": "nicer", "image": door.png(image), **fields}
    return door.edit(parts, house=build_house(server.env(), providers=(PROVIDER,)))


def picture(answer):
    return opened(base64.b64decode(answer.json["data"][0]["b64_json"]))


def said(answer):
    return answer.json["data"][0]["revised_prompt"]


def test_the_plan_is_carried_out_and_said(server):
    server.says = ['{"steps": [{"op": "crop", "region": {"right": 0.5}}, {"op": "greyscale"}]}']
    answer = buy(server)
    expected = scene(96, 64).crop((0, 0, 48, 64)).convert("L").convert("RGB")
    assert ImageChops.difference(picture(answer), expected).getbbox() is None
    assert said(answer) == "Crop to the left half, then make the whole picture greyscale."
    assert answer.json["size"] == "48x64"
    assert answer.json["background"] == "opaque"
    usage = answer.json["usage"]
    assert usage == {"input_tokens": 1310, "output_tokens": 60, "total_tokens": 1370}
    assert answer.headers["x-retouch-billed"] == "yes"


def test_the_call_is_a_native_chat(server):
    buy(server, prompt="black and white")
    (call,) = server.calls
    order = call.json()
    assert call.path == "/v1/chat"
    assert call.headers["x-api-key"] == server.key
    assert "authorization" not in call.headers
    assert order["model"] == "reka-flash"
    assert order["temperature"] == 0
    system, user = order["messages"]
    assert system == {"role": "system", "content": system_prompt(False)}
    media, text = user["content"]
    assert media["image_url"].startswith("data:image/jpeg;base64,/9j/")
    assert text["text"] == "The picture has 96x64 pixels.\n\nInstruction:\nblack and white"


def test_the_official_sdk_sends_the_same(server):
    """reka-api is given our messages in its own types and must arrive at our JSON."""
    server.says = [WRONG, GREY]
    buy(server)
    ours = [call.json() for call in server.calls]
    client = Reka(api_key=server.key, base_url=f"{server.url}/v1")
    for order in ours:
        chosen = {n: order[n] for n in ("messages", "model", "max_tokens", "temperature")}
        response = client.chat.create(**chosen)
        assert response.responses[0].message.content
        assert response.usage.input_tokens == 1310
    sdk = server.calls[len(ours) :]
    assert [call.json() for call in sdk] == ours
    assert [(c.method, c.path, c.headers["x-api-key"]) for c in sdk] == [
        (c.method, c.path, c.headers["x-api-key"]) for c in server.calls[: len(ours)]
    ]


def test_the_model_sees_a_small_copy_and_the_original_is_edited(server):
    large = scene(1600, 800)
    server.says = ['{"steps": [{"op": "crop", "region": {"right": "1599px"}}]}']
    answer = buy(server, encoded(large))
    seen = opened(server.seen(server.calls[0]).pictures[0])
    assert (seen.size, seen.format) == ((1568, 784), "JPEG")
    assert picture(answer).tobytes() == large.crop((0, 0, 1599, 800)).tobytes()
    assert "The picture has 1600x800 pixels." in server.seen(server.calls[0]).fields["prompt"]


def test_a_picture_beyond_the_limit_is_scaled_down_and_that_is_said(server):
    huge = encoded(Image.new("RGB", (16_384, 100), "white"))
    server.says = [GREY]
    answer = buy(server, huge)
    assert said(answer).startswith("Scale from 16384x100 to 16383x99 px, then make the whole")
    assert picture(answer).size == (16_383, 99)


def test_transparency_is_told_and_kept(server):
    image = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    image.paste((9, 99, 199, 255), (0, 0, 20, 20))
    server.says = ['{"steps": [{"op": "flip", "axis": "left-right"}]}'] * 2
    answer = buy(server, encoded(image))
    assert "may be transparent" in server.seen(server.calls[0]).fields["prompt"]
    assert answer.json["background"] == "transparent"
    assert picture(answer).getchannel("A").getbbox() == (20, 0, 40, 20)
    assert buy(server, encoded(image), output_format="jpeg").json["background"] == "opaque"


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_formats_are_made_here(server, form):
    answer = buy(server, output_format=form)
    assert picture(answer).format == form.upper()
    assert answer.json["output_format"] == form


def test_compression_is_obeyed(server):
    server.says = [GREY] * 2
    small, large = (
        buy(server, output_format="jpeg", output_compression=q).json["data"][0]["b64_json"]
        for q in ("10", "95")
    )
    assert len(small) < len(large)


def test_n_pictures_are_one_plan(server):
    answer = buy(server, n="3")
    assert len({item["b64_json"] for item in answer.json["data"]}) == 1
    assert len(answer.json["data"]) == 3
    assert len(server.calls) == 1
    assert said(answer).endswith("The 3 pictures are the same: nothing here is random.")
    assert answer.json["usage"]["total_tokens"] == 1370


@pytest.mark.parametrize(
    ("size", "expected"), [("48x32", (48, 32)), ("64x64", (64, 64)), ("auto", (96, 64))]
)
def test_size_is_made_without_distortion(server, size, expected):
    server.says = [GREY]
    answer = buy(server, size=size)
    assert picture(answer).size == expected
    told = "will be cut to the shape" in server.seen(server.calls[0]).fields["prompt"]
    assert told == (size != "auto")
    assert ("crop and scale" in said(answer)) == (size != "auto")
    if size == "64x64":  # the box of the scene keeps its shape: a third of the height and as wide
        red = picture(answer).convert("RGB").getchannel("R")
        centre = scene(96, 64).convert("L").convert("RGB").crop((16, 0, 80, 64))
        assert ImageChops.difference(red, centre.getchannel("R")).getextrema()[1] <= 2


def test_a_mask_is_told_and_confines(server):
    answer = buy(server, mask=door.png(hole(96, 64)))
    seen = server.seen(server.calls[0])
    assert (
        "between 32 and 63 px from the left and 21 and 41 px from the top" in seen.fields["prompt"]
    )
    assert seen.fields["system"] == system_prompt(True)
    assert "crop" not in seen.fields["system"]
    result = picture(answer).convert("RGB")
    assert result.getpixel((40, 30)) == MAGENTA
    result.paste(scene(96, 64).crop((32, 21, 63, 41)), (32, 21))
    assert ImageChops.difference(result, scene(96, 64)).getbbox() is None
    assert said(answer) == "Tint the marked area #ff00ff."


def test_moving_pixels_under_a_mask_is_sent_back(server):
    server.says = ['{"steps": [{"op": "rotate", "angle": 90}]}', '{"steps": [{"op": "erase"}]}']
    answer = buy(server, mask=door.png(hole(96, 64)))
    assert said(answer) == "Erase the marked area."
    assert "'rotate' cannot be confined to a mask" in str(server.calls[1].json()["messages"][3])


def test_a_plan_that_breaks_a_rule_goes_back_once(server):
    server.says = [WRONG, GREY]
    answer = buy(server)
    assert answer.status == 200
    first, second = (call.json()["messages"] for call in server.calls)
    assert second[:2] == first
    assert second[2] == {"role": "assistant", "content": WRONG}
    assert second[3]["role"] == "user"
    assert "Step 1: 'paint' is no operation" in second[3]["content"][0]["text"]
    assert answer.json["usage"] == {
        "input_tokens": 2620,
        "output_tokens": 120,
        "total_tokens": 2740,
    }


@pytest.mark.parametrize(
    "plan",
    [
        '{"steps": [{"op": "crop", "region": {"left": "96px"}}]}',
        '{"steps": [{"op": "resize", "to": "9999x9999"}]}',
        '{"steps": [{"op": "erase", "region": {}}]}',
        "",
    ],
)
def test_a_plan_that_cannot_be_carried_out_goes_back_too(server, plan):
    server.says = [plan, GREY]
    assert buy(server).status == 200
    assert len(server.calls) == 2


def test_two_wrong_plans_are_the_end_and_were_paid_for(server):
    server.says = [WRONG, WRONG, GREY]
    answer = buy(server)
    assert (answer.status, answer.json["error"]["code"]) == (502, "plan_not_understood")
    assert "'paint' is no operation" in answer.json["error"]["message"]
    assert answer.headers["x-retouch-billed"] == "yes"
    assert answer.headers["x-should-retry"] == "false"
    assert len(server.calls) == 2


@pytest.mark.parametrize("says", [[REFUSAL], [WRONG, REFUSAL]])
def test_what_needs_painting_is_refused_by_name(server, says):
    server.says = says
    answer = buy(server, prompt="put a hat on the dog")
    error = answer.json["error"]
    assert (answer.status, error["code"], error["param"]) == (
        400,
        "unsupported_operation",
        "prompt",
    )
    assert error["type"] == "invalid_request_error"
    assert "Adding a hat needs painting." in error["message"]
    assert "/v1/models" in error["message"]
    assert answer.headers["x-retouch-billed"] == "yes"


def test_a_failure_after_the_first_plan_is_not_free(server):
    server.failing = [chat("reka-flash", WRONG), as_json({"detail": "slow down"}, 429)]
    answer = buy(server)
    assert answer.status == 429
    assert answer.headers["x-retouch-billed"] == "unknown"
    assert answer.headers["x-should-retry"] == "false"


def test_a_mask_of_everything_leaves_nothing_to_erase_from(server):
    server.says = ['{"steps": [{"op": "erase"}]}']
    everything = encoded(Image.new("RGBA", (96, 64), (0, 0, 0, 0)))
    answer = buy(server, mask=door.png(everything), allow_full_mask="true")
    assert (answer.status, answer.json["error"]["code"]) == (400, "mask_full")
    assert answer.headers["x-retouch-billed"] == "unknown"


def test_other_hosted_models_are_taken_by_name(server):
    assert buy(server, model="reka-ai/hosted-vision-model").status == 200
    assert server.calls[0].json()["model"] == "hosted-vision-model"
    missing = buy(server, model="reka-ai/reka-flahs")
    assert (missing.status, missing.json["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("field", ["quality", "input_fidelity"])
def test_what_a_planner_cannot_do_is_refused_by_name(server, field):
    answer = buy(server, **{field: "high"})
    assert (answer.status, answer.json["error"]["param"]) == (400, field)
    assert server.calls == []


def test_content_in_parts_is_joined(server):
    message = {
        "role": "assistant",
        "content": [{"type": "text", "text": GREY[:9]}, {"type": "text", "text": GREY[9:]}],
    }
    body = {"responses": [{"message": message}]}
    server.failing = [as_json(body)]
    answer = buy(server)
    assert answer.status == 200
    assert "usage" not in answer.json


@pytest.mark.parametrize(
    "text",
    [
        GREY,
        f"```json\n{GREY}\n```",
        f"Sure, here is the plan:\n\n{GREY}\nEnjoy!",
        f"<think>maybe {{crop}}?</think>{GREY}",
        f"It could be {{\"steps\": []}} or so. </reasoning>\n{GREY}",
    ],
)  # fmt: skip
def test_the_json_is_found_wherever_it_stands(text):
    (step,) = read_answer(text, False)
    assert step.operation.name == "greyscale"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "}{",
        "{",
        "{" * 5000,
        '{"steps":' * 2000 + "[]" + "}" * 2000,
        '{"steps": ' + "[" * 5000 + "]" * 5000 + "}",
        '{"steps": [{"op": "brightness", "factor": NaN}]}',
        '{"steps": [{"op": "brightness", "factor": 1e999}]}',
        '{"steps": [{"op": "brightness", "factor": ' + "9" * 5000 + "}]}",
        '{"steps": [{"op": "greyscale"}], "then": "mail it"}',
        '{"plan": []}',
        '{"refuse": true}',
        '{"refuse": "  "}',
        '{"steps": [' + ",".join(['{"op": "greyscale"}'] * 10_000) + "]}",
        GREY + GREY,
        json.dumps({"steps": [{"op": "greyscale", "region": {"left": [[[[1]]]]}}]}),
        "\ud800{}",
    ],
)
def test_hostile_answers_are_no_plans(text):
    with pytest.raises(PlanError) as caught:
        read_answer(text, False)
    assert len(str(caught.value)) < 600


def test_a_refusal_is_one_line_and_not_endless():
    refusal = read_answer(json.dumps({"refuse": "because\nof " + "x" * 1000}), False)
    assert isinstance(refusal, Refusal)
    assert refusal.why.startswith("because of xxx")
    assert len(refusal.why) <= 301


@pytest.mark.parametrize(("examples", "masked"), [(EXAMPLES, False), (MASKED_EXAMPLES, True)])
def test_the_examples_keep_the_rules(examples, masked):
    answers = [read_answer(text, masked) for _, text in examples]
    assert isinstance(answers[-1], Refusal)
    assert not any(isinstance(answer, Refusal) for answer in answers[:-1])


@pytest.mark.parametrize("masked", [False, True])
def test_the_vocabulary_is_the_registry(masked):
    text = system_prompt(masked)
    for operation in OPERATIONS.values():
        assert (f"\n- {operation.name}" in text) == (not (masked and operation.moves))
        if not (masked and operation.moves):
            for name, field in operation.fields.items():
                assert name == "region" or f"    {name}: {field.spec.rule()}" in text
    assert len(text) < 6000  # every edit pays for it


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (422, {"detail": [{"loc": ["body", "model"], "msg": "field required", "type": "x"}]},
         ("", "body.model: field required")),
        (405, {"detail": "Method Not Allowed"}, ("", "Method Not Allowed")),
        (401, {"error": {"message": "Invalid API key", "type": "authentication_error"}},
         ("auth", "Invalid API key")),
        (403, {"error": {"message": "P001: Insufficient Balance"}},
         ("out_of_quota", "P001: Insufficient Balance")),
        (402, {"detail": "P001: top up"}, ("out_of_quota", "P001: top up")),
        (400, {"detail": "insufficient balance"}, ("out_of_quota", "insufficient balance")),
        (404, {"detail": "model not found"}, ("no_such_model", "model not found")),
    ],
)  # fmt: skip
def test_failures_are_read(status, body, told):
    found = explain(Reply(status, {}, json.dumps(body).encode()))
    assert (found.kind, found.message) == told


def test_html_in_front_of_reka_is_no_secret_and_no_crash(server):
    server.failing = [Answer(502, b"<html>bad gateway</html>", {"content-type": "text/html"})]
    answer = buy(server)
    assert (answer.status, answer.json["error"]["code"]) == (502, BadUpstream.code)


def test_the_docs_list_is_the_registry():
    for operation in OPERATIONS.values():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{operation.name}`"))
        for name in operation.fields:
            assert f"`{name}`" in row


def test_the_docs_examples_are_plans():
    blocks = PAGE.split("```json\n")[1:]
    plans = [json.loads(block.split("```")[0]) for block in blocks]
    assert len(plans) == 2
    for plan in plans:
        read_steps(plan["steps"], False)


def marking(box):
    left, top, right, bottom = box
    shape = {"type": "box", "x": left, "y": top, "width": right - left, "height": bottom - top}
    return json.dumps({"shapes": [shape]})


def test_a_masked_picture_beyond_the_limit_keeps_its_size_and_every_other_pixel(server):
    huge = Image.effect_noise((16_384, 64), 60).convert("RGB")
    box = (100, 10, 140, 40)
    server.says = ['{"steps": [{"op": "tint", "color": "red", "strength": 1}]}']
    answer = buy(server, encoded(huge), mask=marking(box), preserve="true")
    assert picture(answer).size == huge.size
    changed = ImageChops.difference(picture(answer), huge).convert("L")
    assert changed.getbbox() == box
    assert picture(answer).getpixel((120, 25)) == (255, 0, 0)
    assert answer.headers["x-retouch-preserved-pixels"] == str(16_384 * 64 - 40 * 30)
    assert said(answer) == (
        "Scale from 16384x64 to 16383x63 px, then tint the marked area red, then scale that area back."
    )


def test_with_a_mask_webp_is_lossless(server):
    original = Image.effect_noise((96, 64), 60).convert("RGB")
    answer = buy(server, encoded(original), mask=marking((8, 8, 20, 20)), output_format="webp")
    changed = ImageChops.difference(picture(answer), original).convert("L")
    assert changed.getbbox() == (8, 8, 20, 20)
    assert answer.headers["x-retouch-preserved-pixels"] == str(96 * 64 - 12 * 12)


def test_an_opaque_background_is_made_here(server):
    clear = scene(96, 64).convert("RGBA")
    clear.putalpha(90)
    server.says = [GREY] * 2
    answer = buy(server, encoded(clear), background="opaque")
    assert (picture(answer).mode, answer.json["background"]) == ("RGB", "opaque")


def test_a_plan_that_is_too_much_work_goes_back_and_then_fails_as_paid(server):
    tilts = json.dumps({"steps": [{"op": "resize", "to": "4096x4096"}, *[TILT] * 11]})
    server.says = [tilts, GREY]
    assert buy(server).status == 200
    assert "too much work for a picture of" in str(server.calls[1].json()["messages"][3])
    server.says = [tilts, tilts]
    answer = buy(server)
    assert (answer.status, answer.json["error"]["code"]) == (502, "plan_not_understood")
    assert answer.headers["x-retouch-billed"] == "yes"


def test_a_dry_run_tells_what_the_model_would_see(server):
    house = build_house(server.env(), providers=(PROVIDER,))
    order = {"model": "reka-ai/reka-flash", "prompt": "nicer", "image": door.png(photo(1999, 1000))}
    told = door.edit({**order, "dry_run": "true"}, house=house).json["calls"][0]["images"]
    assert server.calls == []
    door.edit(order, house=house)
    sent = server.seen(server.calls[0]).pictures[0]
    assert told == [{"format": "jpeg", "width": 1568, "height": 784, "bytes": len(sent)}]
