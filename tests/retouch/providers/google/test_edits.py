"""Tests of edits with Gemini: the request, the images of the response, sizes, tiers and usage."""

import base64

import pytest
from google import genai
from google.genai import types

from retouch.core.provider_protocol import ProviderRequest
from retouch.providers._shared import gemini as gemini_module
from retouch.providers.google import edit
from tests.contract.standins.google import SIZE_DIVISOR, response_body, to_camel_case
from tests.support.gateway_client import file_part
from tests.support.google import (
    MODEL,
    PROMPT,
    USAGE,
    adapter_outcome,
    build_job,
    google_edit,
    sent_body,
)
from tests.support.images import box_mask, decode_image, photo


def test_edit_request_matches_documented_example():
    request = next(edit(build_job(aspect_ratio="1:1", resolution="1K")))
    assert isinstance(request, ProviderRequest)
    assert (request.method, request.path) == ("POST", f"/models/{MODEL}:generateContent")
    assert not request.idempotent
    data = base64.b64encode(photo(96, 64)).decode()
    assert request.json == {
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


def test_edit_returns_image_format_and_usage(gemini):
    response = google_edit(gemini)
    (item,) = response.json["data"]
    assert response.status == 200
    assert decode_image(base64.b64decode(item["b64_json"])).size == (
        1264 // SIZE_DIVISOR,
        848 // SIZE_DIVISOR,
    )
    assert response.json["output_format"] == "png"
    assert response.json["usage"] == {
        "input_tokens": 1130,
        "output_tokens": 1300,
        "total_tokens": 2430,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 1120},
        "output_tokens_details": {"text_tokens": 180, "image_tokens": 1120},
    }


def test_key_is_sent_in_header_only(gemini):
    google_edit(gemini)
    (call,) = gemini.calls
    assert call.headers["x-goog-api-key"] == gemini.key
    assert call.query == {}
    assert gemini.key.encode() not in call.body


def test_request_without_size_omits_image_config(gemini):
    google_edit(gemini)
    assert "imageConfig" not in sent_body(gemini)["generationConfig"]


@pytest.mark.parametrize(
    ("size", "ratio", "tier"),
    [("1024x1024", "1:1", "1K"), ("1264x848", "3:2", "1K"), ("1024x1536", "2:3", "2K")],
)
def test_size_is_sent_as_aspect_ratio_and_tier(gemini, size, ratio, tier):
    assert google_edit(gemini, size=size).status == 200
    assert sent_body(gemini)["generationConfig"]["imageConfig"] == {
        "aspectRatio": ratio,
        "imageSize": tier,
    }


def test_result_is_scaled_to_exact_size(gemini):
    response = google_edit(gemini, size="1200x800")
    assert sent_body(gemini)["generationConfig"]["imageConfig"]["aspectRatio"] == "3:2"
    assert decode_image(base64.b64decode(response.json["data"][0]["b64_json"])).size == (1200, 800)
    assert "size: rendered as 3:2" in response.headers["x-retouch-notes"]


@pytest.mark.parametrize("model", ["gemini-2.5-flash-image", "gemini-3.1-flash-lite-image"])
def test_model_with_single_tier_omits_image_size(gemini, model):
    assert google_edit(gemini, model, size="1024x1024").status == 200
    assert sent_body(gemini)["generationConfig"]["imageConfig"] == {"aspectRatio": "1:1"}
    assert google_edit(gemini, model, resolution="1K").status == 400


def test_extreme_ratio_is_refused_by_older_model(gemini):
    assert google_edit(gemini, aspect_ratio="8:1").status == 200
    refused = google_edit(gemini, "gemini-3-pro-image", aspect_ratio="8:1")
    assert refused.json["error"]["param"] == "aspect_ratio"
    assert len(gemini.calls) == 1


def test_n_images_become_calls_with_consecutive_seeds(gemini):
    response = google_edit(gemini, n="3", seed="7")
    seeds = {call.json()["generationConfig"]["seed"] for call in gemini.calls}
    assert len(response.json["data"]) == 3
    assert seeds == {7, 8, 9}
    assert all("candidateCount" not in call.json()["generationConfig"] for call in gemini.calls)
    assert response.json["usage"]["total_tokens"] == 3 * 2430


def test_extra_parameters_are_sent_in_google_form(gemini):
    google_edit(gemini, thinking_level="high", safety_threshold="block_only_high", resolution="2K")
    sent = sent_body(gemini)
    assert sent["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "HIGH"}
    assert sent["generationConfig"]["imageConfig"] == {"imageSize": "2K"}
    assert [s["category"] for s in sent["safetySettings"]] == [
        "HARM_CATEGORY_HARASSMENT",
        "HARM_CATEGORY_HATE_SPEECH",
        "HARM_CATEGORY_SEXUALLY_EXPLICIT",
        "HARM_CATEGORY_DANGEROUS_CONTENT",
    ]
    assert {s["threshold"] for s in sent["safetySettings"]} == {"BLOCK_ONLY_HIGH"}


def test_images_of_several_formats_keep_their_media_types(gemini):
    images = [photo(64, 64, format) for format in ("PNG", "JPEG", "WEBP")]
    assert google_edit(gemini, images=images).status == 200
    parts = sent_body(gemini)["contents"][0]["parts"]
    types_sent = [part["inlineData"]["mimeType"] for part in parts[:-1]]
    assert types_sent == ["image/png", "image/jpeg", "image/webp"]
    assert parts[-1] == {"text": PROMPT}


@pytest.mark.parametrize(
    ("model", "most"), [(MODEL, 14), ("gemini-2.5-flash-image", 3), ("gemini-3-pro-image", 14)]
)
def test_images_over_model_limit_are_refused(gemini, model, most):
    assert google_edit(gemini, model, images=[photo(64, 64)] * most).status == 200
    refused = google_edit(gemini, model, images=[photo(64, 64)] * (most + 1))
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
def test_unsupported_parameter_is_refused_before_any_call(gemini, fields, param):
    response = google_edit(gemini, **fields)
    assert response.status == 400
    assert response.json["error"]["param"] == param
    assert gemini.calls == []


def test_mask_is_refused_without_preserve_and_restored_with_it(gemini):
    refused = google_edit(gemini, mask=file_part(box_mask(96, 64)))
    assert refused.json["error"]["param"] == "mask"
    assert gemini.calls == []
    response = google_edit(gemini, mask=file_part(box_mask(96, 64)), preserve="true")
    result = decode_image(base64.b64decode(response.json["data"][0]["b64_json"])).convert("RGB")
    original = decode_image(photo(96, 64)).convert("RGB")
    assert response.status == 200
    assert result.size == original.size
    assert result.getpixel((2, 2)) == original.getpixel((2, 2))
    assert result.getpixel((48, 32)) == (255, 0, 255)


def test_webp_output_is_converted_by_gateway(gemini):
    response = google_edit(gemini, output_format="webp", output_compression="40")
    assert decode_image(base64.b64decode(response.json["data"][0]["b64_json"])).format == "WEBP"
    assert sent_body(gemini)["generationConfig"] == {"responseModalities": ["IMAGE"]}


def test_jpeg_result_keeps_its_format():
    data = base64.b64encode(photo(64, 64, "JPEG")).decode()
    part = {"inlineData": {"mimeType": "image/jpeg", "data": data}}
    (image,) = adapter_outcome({"candidates": [{"content": {"parts": [part]}}]})
    assert image.metadata == {"output_format": "jpeg"}
    assert image.to_bytes() == photo(64, 64, "JPEG")


def test_thought_parts_are_not_returned_as_results():
    full = response_body((photo(64, 64), "image/png"))
    (image,) = adapter_outcome(full)
    assert image.to_bytes() == photo(64, 64)
    full["candidates"][0]["content"]["parts"].pop()
    assert adapter_outcome({**full, "candidates": full["candidates"]}).kind == "refused"


def test_first_of_several_images_is_returned():
    parts = [
        {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(photo(n, n)).decode()}}
        for n in (64, 65)
    ]
    (image,) = adapter_outcome(
        {"candidates": [{"content": {"parts": [{"text": "Here."}, *parts]}}]}
    )
    assert decode_image(image.to_bytes()).size == (64, 64)


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
def test_token_counts_are_converted_to_openai_usage(counted, usage):
    assert gemini_module.to_openai_usage(counted) == usage


def test_gateway_request_equals_official_sdk_request(gemini):
    data = [photo(96, 64), photo(64, 64, "JPEG")]
    client = genai.Client(
        api_key=gemini.key,
        http_options=types.HttpOptions(base_url=gemini.url, api_version="v1beta"),
    )
    contents: list[types.PartUnionDict] = [
        types.Part.from_bytes(data=data[0], mime_type="image/png"),
        types.Part.from_bytes(data=data[1], mime_type="image/jpeg"),
        PROMPT,
    ]
    response = client.models.generate_content(
        model=MODEL,
        contents=contents,
        config=types.GenerateContentConfig(
            response_modalities=["IMAGE"],
            image_config=types.ImageConfig(aspect_ratio="3:2", image_size="2K"),
            thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.HIGH),
            seed=7,
            safety_settings=[
                types.SafetySetting(
                    category=types.HarmCategory(f"HARM_CATEGORY_{harm}"),
                    threshold=types.HarmBlockThreshold.BLOCK_NONE,
                )
                for harm in gemini_module.HARM_CATEGORIES
            ],
        ),
    )
    parameters = {"aspect_ratio": "3:2", "resolution": "2K", "thinking_level": "high", "seed": "7"}
    gateway_response = google_edit(gemini, images=data, safety_threshold="block_none", **parameters)
    sdk_call, gateway_call = gemini.calls
    assert sdk_call.path == gateway_call.path
    assert sdk_call.headers["x-goog-api-key"] == gateway_call.headers["x-goog-api-key"]
    assert (
        to_camel_case(sdk_call.json()) == to_camel_case(gateway_call.json()) == gateway_call.json()
    )
    assert response.parts is not None
    sdk_image = next(p.inline_data.data for p in response.parts if p.inline_data and not p.thought)
    assert sdk_image == base64.b64decode(gateway_response.json["data"][0]["b64_json"])
