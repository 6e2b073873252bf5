"""Gemini's peculiarities: words after pictures, shapes and tiers, and the ways of a 200 without a picture."""

import base64
import json

import pytest
from google import genai
from google.genai import types

from retouch.cards import Failed
from retouch.messages import Job, Picture, Reply
from retouch.providers import _gemini
from retouch.providers.google import PROVIDER, edit
from tests.contract.standins.google import SMALLER, Gemini, camel, ended, error, exhausted, info
from tests.contract.standins.google import answer as answered
from tests.support.door import edit as knock
from tests.support.door import png
from tests.support.house import build_house
from tests.support.pictures import hole, opened, photo
from tests.support.upstream import as_json

PROMPT = "put a red scarf on the cat"
MODEL = "gemini-nano-banana-2.1"
# The worked answer of Google's documentation, with made-up content.
USAGE = {
    "promptTokenCount": 1130,
    "promptTokensDetails": [
        {"modality": "IMAGE", "tokenCount": 1120},
        {"modality": "TEXT", "tokenCount": 10},
    ],
    "candidatesTokenCount": 1120,
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
    "thoughtsTokenCount": 180,
    "totalTokenCount": 2430,
}


@pytest.fixture
def gemini():
    with Gemini() as server:
        yield server


CAT = photo(96, 64)


def ask(server, model=MODEL, images=(CAT,), **fields):
    house = build_house(server.env(), providers=(PROVIDER,))
    form = [("model", f"google/{model}"), ("prompt", PROMPT), *fields.items()]
    return knock([*form, *(("image[]", png(image)) for image in images)], house=house)


def order(server):
    (call,) = server.calls
    return call.json()


def job(images=1, **params):
    data = photo(96, 64)
    picture = Picture(data, "png", 96, 64)
    return Job(MODEL, PROMPT, (picture,) * images, params=params)


def talked(answer, **params):
    """What the adapter makes of an answer."""
    conversation = edit(job(**params))
    conversation.send(None)
    with pytest.raises((StopIteration, Failed)) as end:
        conversation.send(Reply(200, {}, json.dumps(answer).encode()))
    return end.value.value if isinstance(end.value, StopIteration) else end.value.told


def body_of(answer):
    return json.loads(answer.body)


def test_the_order_is_the_worked_example():
    call = edit(job(aspect_ratio="1:1", resolution="1K")).send(None)
    assert (call.method, call.path) == ("POST", f"/models/{MODEL}:generateContent")
    assert not call.repeatable
    data = base64.b64encode(photo(96, 64)).decode()
    assert call.json == {
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"inlineData": {"mimeType": "image/png", "data": data}},
                    {"text": PROMPT},
                ],
            }
        ],
        "generationConfig": {
            "responseModalities": ["IMAGE"],
            "imageConfig": {"aspectRatio": "1:1", "imageSize": "1K"},
        },
    }


def test_an_edit_and_its_facts(gemini):
    answer = ask(gemini)
    (item,) = answer.json["data"]
    assert answer.status == 200
    assert opened(base64.b64decode(item["b64_json"])).size == (1264 // SMALLER, 848 // SMALLER)
    assert answer.json["output_format"] == "png"
    assert answer.json["usage"] == {
        "input_tokens": 1130,
        "output_tokens": 1300,
        "total_tokens": 2430,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 1120},
        "output_tokens_details": {"text_tokens": 180, "image_tokens": 1120},
    }


def test_the_key_is_in_a_header_and_nowhere_else(gemini):
    ask(gemini)
    (call,) = gemini.calls
    assert call.headers["x-goog-api-key"] == gemini.key
    assert call.query == {}
    assert gemini.key.encode() not in call.body


def test_without_a_size_the_model_follows_the_picture(gemini):
    ask(gemini)
    assert "imageConfig" not in order(gemini)["generationConfig"]


@pytest.mark.parametrize(
    ("size", "ratio", "tier"),
    [("1024x1024", "1:1", "1K"), ("1264x848", "3:2", "1K"), ("1024x1536", "2:3", "2K")],
)
def test_a_size_becomes_a_shape_and_a_tier(gemini, size, ratio, tier):
    assert ask(gemini, size=size).status == 200
    assert order(gemini)["generationConfig"]["imageConfig"] == {
        "aspectRatio": ratio,
        "imageSize": tier,
    }


def test_a_size_is_exact_in_the_end(gemini):
    answer = ask(gemini, size="1200x800")
    assert order(gemini)["generationConfig"]["imageConfig"]["aspectRatio"] == "3:2"
    assert opened(base64.b64decode(answer.json["data"][0]["b64_json"])).size == (1200, 800)
    assert "size: rendered as 3:2" in answer.headers["x-retouch-notes"]


@pytest.mark.parametrize("model", ["gemini-2.5-flash-image", "gemini-3.1-flash-lite-image"])
def test_models_of_one_tier_are_sent_none(gemini, model):
    assert ask(gemini, model, size="1024x1024").status == 200
    assert order(gemini)["generationConfig"]["imageConfig"] == {"aspectRatio": "1:1"}
    assert ask(gemini, model, resolution="1K").status == 400


def test_extreme_shapes_are_the_newer_models(gemini):
    assert ask(gemini, aspect_ratio="8:1").status == 200
    refused = ask(gemini, "gemini-3-pro-image", aspect_ratio="8:1")
    assert refused.json["error"]["param"] == "aspect_ratio"
    assert len(gemini.calls) == 1


def test_n_becomes_calls_with_seeds_of_their_own(gemini):
    answer = ask(gemini, n="3", seed="7")
    seeds = {call.json()["generationConfig"]["seed"] for call in gemini.calls}
    assert len(answer.json["data"]) == 3
    assert seeds == {7, 8, 9}
    assert all("candidateCount" not in call.json()["generationConfig"] for call in gemini.calls)
    assert answer.json["usage"]["total_tokens"] == 3 * 2430


def test_extras_reach_the_wire(gemini):
    ask(gemini, thinking_level="high", safety_threshold="block_only_high", resolution="2K")
    sent = order(gemini)
    assert sent["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "HIGH"}
    assert sent["generationConfig"]["imageConfig"] == {"imageSize": "2K"}
    assert [s["category"] for s in sent["safetySettings"]] == [
        "HARM_CATEGORY_HARASSMENT",
        "HARM_CATEGORY_HATE_SPEECH",
        "HARM_CATEGORY_SEXUALLY_EXPLICIT",
        "HARM_CATEGORY_DANGEROUS_CONTENT",
    ]
    assert {s["threshold"] for s in sent["safetySettings"]} == {"BLOCK_ONLY_HIGH"}


def test_several_formats_keep_their_own_media_types(gemini):
    pictures = [photo(64, 64, format) for format in ("PNG", "JPEG", "WEBP")]
    assert ask(gemini, images=pictures).status == 200
    parts = order(gemini)["contents"][0]["parts"]
    types_sent = [part["inlineData"]["mimeType"] for part in parts[:-1]]
    assert types_sent == ["image/png", "image/jpeg", "image/webp"]
    assert parts[-1] == {"text": PROMPT}


@pytest.mark.parametrize(
    ("model", "most"), [(MODEL, 14), ("gemini-2.5-flash-image", 3), ("gemini-3-pro-image", 14)]
)
def test_how_many_pictures_go_in(gemini, model, most):
    assert ask(gemini, model, images=[photo(64, 64)] * most).status == 200
    refused = ask(gemini, model, images=[photo(64, 64)] * (most + 1))
    assert refused.json["error"]["code"] == "too_many_images"
    assert len(gemini.calls) == 1


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"quality": "high"}, "quality"),
        ({"background": "transparent"}, "background"),
        ({"thinking_level": "low"}, "thinking_level"),
        ({"seed": "-1"}, "seed"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(gemini, fields, param):
    answer = ask(gemini, **fields)
    assert answer.status == 400
    assert answer.json["error"]["param"] == param
    assert gemini.calls == []


def test_a_mask_is_refused_or_kept_to_here(gemini):
    refused = ask(gemini, mask=png(hole(96, 64)))
    assert refused.json["error"]["param"] == "mask"
    assert gemini.calls == []
    answer = ask(gemini, mask=png(hole(96, 64)), preserve="true")
    kept = opened(base64.b64decode(answer.json["data"][0]["b64_json"])).convert("RGB")
    before = opened(photo(96, 64)).convert("RGB")
    assert answer.status == 200
    assert kept.size == before.size
    assert kept.getpixel((2, 2)) == before.getpixel((2, 2))
    assert kept.getpixel((48, 32)) == (255, 0, 255)


def test_other_formats_are_made_here(gemini):
    answer = ask(gemini, output_format="webp", output_compression="40")
    assert opened(base64.b64decode(answer.json["data"][0]["b64_json"])).format == "WEBP"
    assert order(gemini)["generationConfig"] == {"responseModalities": ["IMAGE"]}


def test_a_jpeg_is_handed_on_as_one():
    data = base64.b64encode(photo(64, 64, "JPEG")).decode()
    part = {"inlineData": {"mimeType": "image/jpeg", "data": data}}
    (artifact,) = talked({"candidates": [{"content": {"parts": [part]}}]})
    assert artifact.facts == {"output_format": "jpeg"}
    assert artifact.bytes() == photo(64, 64, "JPEG")


def test_thoughts_are_no_results():
    full = answered((photo(64, 64), "image/png"))
    (artifact,) = talked(full)
    assert artifact.bytes() == photo(64, 64)
    full["candidates"][0]["content"]["parts"].pop()
    assert talked({**full, "candidates": full["candidates"]}).kind == ""


def test_of_several_pictures_the_first_is_the_result():
    parts = [
        {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(photo(n, n)).decode()}}
        for n in (64, 65)
    ]
    (artifact,) = talked({"candidates": [{"content": {"parts": [{"text": "Here."}, *parts]}}]})
    assert opened(artifact.bytes()).size == (64, 64)


@pytest.mark.parametrize(
    ("counted", "usage"),
    [
        (None, None),
        ({}, None),
        (
            {"promptTokenCount": 5, "candidatesTokenCount": 1290, "totalTokenCount": 1295},
            {
                "input_tokens": 5,
                "output_tokens": 1290,
                "total_tokens": 1295,
                "output_tokens_details": {"text_tokens": 0, "image_tokens": 1290},
            },
        ),
        (
            {**USAGE, "candidatesTokenCount": 1130, "totalTokenCount": 2440},
            {
                "input_tokens": 1130,
                "output_tokens": 1310,
                "total_tokens": 2440,
                "input_tokens_details": {"text_tokens": 10, "image_tokens": 1120},
                "output_tokens_details": {"text_tokens": 190, "image_tokens": 1120},
            },
        ),
    ],
)
def test_token_counts_in_openais_words(counted, usage):
    assert _gemini.usage(counted) == usage


@pytest.mark.parametrize(
    "reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "JAILBREAK"]
)
def test_a_blocked_request(reason):
    told = talked({"promptFeedback": {"blockReason": reason}, "usageMetadata": USAGE})
    assert (told.kind, told.billed) == ("moderated", "no")
    assert told.details["moderation_details"] == {
        "moderation_stage": "input",
        "categories": [reason.lower().replace("_", " ")],
    }


@pytest.mark.parametrize(
    "reason",
    [
        *("SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION", "ESCALATION"),
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
        *("PUP_LIMITED_DISABLED", "MODEL_ARMOR"),
    ],
)
def test_a_blocked_result(reason):
    told = talked(body_of(ended(reason)))
    assert (told.kind, told.billed) == ("moderated", "unknown")
    assert told.details["moderation_details"]["moderation_stage"] == "output"


@pytest.mark.parametrize(
    ("also", "stage", "categories"),
    [
        ({"finishMessage": "Blocked. Support code: 42876398."}, "input", ["other"]),
        ({"finishMessage": "Support codes: 56562880, 43188360"}, "output", ["violence", "sexual"]),
        ({"finishMessage": "Support codes: 90789179, 63429089"}, "output", ["sexual"]),
        ({"finishMessage": "Support code: 11111111"}, "output", ["safety"]),
        (
            {
                "safetyRatings": [
                    {"category": "HARM_CATEGORY_HATE_SPEECH", "blocked": True},
                    {"category": "HARM_CATEGORY_HARASSMENT"},
                ]
            },
            "output",
            ["hate speech"],
        ),
    ],
)
def test_support_codes_say_what_and_where(also, stage, categories):
    told = talked(body_of(ended("SAFETY", **also)))
    assert told.billed == "unknown"
    assert told.details["moderation_details"] == {
        "moderation_stage": stage,
        "categories": categories,
    }


@pytest.mark.parametrize(
    "reason", ["NO_IMAGE", "IMAGE_OTHER", "OTHER", "MALFORMED_RESPONSE", "MAX_TOKENS", "NEW"]
)
def test_what_broke_is_no_refusal(reason):
    told = talked(body_of(ended(reason, [{"text": "I will"}])))
    assert told.kind == ""
    assert reason in told.message


def test_a_refusal_in_words(gemini):
    gemini.fail(gemini.failures()["in_words"])
    answer = ask(gemini)
    assert answer.status == 400
    assert "I can't remove watermarks." in answer.json["error"]["message"]
    assert answer.json["error"]["code"] == "provider_refused"


def test_stopping_without_a_word_is_no_refusal():
    assert talked(body_of(ended("STOP"))).kind == ""


@pytest.mark.parametrize("nothing", [{}, {"candidates": []}, {"promptFeedback": {}}])
def test_an_empty_answer_has_no_picture(nothing):
    assert talked(nothing) == []


@pytest.mark.parametrize(
    ("answer", "kind", "retry_after"),
    [
        (error(400, "INVALID_ARGUMENT", "m", info("API_KEY_INVALID")), "auth", None),
        (error(403, "PERMISSION_DENIED", "m", info("API_KEY_SERVICE_BLOCKED")), "auth", None),
        (error(403, "PERMISSION_DENIED", "m"), "auth", None),
        (error(403, "PERMISSION_DENIED", "m", info("SERVICE_DISABLED")), "suspended", None),
        (error(403, "PERMISSION_DENIED", "m", info("BILLING_DISABLED")), "out_of_quota", None),
        (error(400, "FAILED_PRECONDITION", "m"), "suspended", None),
        (error(400, "INVALID_ARGUMENT", "m"), "", None),
        (error(401, "UNAUTHENTICATED", "m"), "auth", None),
        (error(402, "RESOURCE_EXHAUSTED", "m"), "out_of_quota", None),
        (error(404, "NOT_FOUND", "m"), "no_such_model", None),
        (error(429, "RESOURCE_EXHAUSTED", "m"), "rate_limited", None),
        (exhausted("GenerateRequestsPerMinutePerProjectPerModel", "18s"), "rate_limited", 18.0),
        (exhausted("GenerateRequestsPerMinutePerProjectPerModel", "0.5s"), "rate_limited", 0.5),
        (exhausted("GenerateRequestsPerMinutePerProjectPerModel", "soon"), "rate_limited", None),
        (exhausted("GenerateRequestsPerDayPerProjectPerModel", "9s"), "out_of_quota", 9.0),
        (exhausted("RequestsPerMinutePerProject-FreeTier", "9s"), "out_of_quota", 9.0),
        (error(500, "INTERNAL", "m"), "", None),
        (as_json([{"error": {"code": 402, "message": "m"}}], 402), "out_of_quota", None),
    ],
)
def test_errors(answer, kind, retry_after):
    told = PROVIDER.explain(Reply(answer.status, {}, answer.body))
    assert (told.kind, told.retry_after) == (kind, retry_after)
    assert told.message in ("m", "Quota exceeded.")


@pytest.mark.parametrize(("status", "billed"), [(500, "no"), (503, "no"), (504, None), (400, None)])
def test_what_failed_at_googles_is_not_charged(status, billed):
    assert PROVIDER.explain(Reply(status, {}, error(status, "X", "m").body)).billed == billed


@pytest.mark.parametrize("name", sorted(Gemini().failures()))
def test_failures_reach_the_caller_as_promised(gemini, name):
    failure = gemini.failures()[name]
    gemini.fail(failure)
    answer = ask(gemini)
    assert (answer.status, answer.json["error"]["code"]) == (failure.status, failure.code)
    assert answer.headers["x-retouch-billed"] == failure.billed
    assert len(gemini.calls) == 1


def test_the_official_sdk_sends_the_same(gemini):
    data = [photo(96, 64), photo(64, 64, "JPEG")]
    client = genai.Client(
        api_key=gemini.key,
        http_options=types.HttpOptions(base_url=gemini.url, api_version="v1beta"),
    )
    response = client.models.generate_content(
        model=MODEL,
        contents=[
            types.Part.from_bytes(data=data[0], mime_type="image/png"),
            types.Part.from_bytes(data=data[1], mime_type="image/jpeg"),
            PROMPT,
        ],
        config=types.GenerateContentConfig(
            response_modalities=["IMAGE"],
            image_config=types.ImageConfig(aspect_ratio="3:2", image_size="2K"),
            thinking_config=types.ThinkingConfig(thinking_level="HIGH"),
            seed=7,
            safety_settings=[
                types.SafetySetting(category=f"HARM_CATEGORY_{harm}", threshold="BLOCK_NONE")
                for harm in _gemini.HARMS
            ],
        ),
    )
    wishes = {"aspect_ratio": "3:2", "resolution": "2K", "thinking_level": "high", "seed": "7"}
    answer = ask(gemini, images=data, safety_threshold="block_none", **wishes)
    theirs, ours = gemini.calls
    assert theirs.path == ours.path
    assert theirs.headers["x-goog-api-key"] == ours.headers["x-goog-api-key"]
    assert camel(theirs.json()) == camel(ours.json()) == ours.json()
    drawn = next(p for p in response.parts if p.inline_data and not p.thought).inline_data.data
    assert drawn == base64.b64decode(answer.json["data"][0]["b64_json"])
