"""Tests of the Gemini adapter: text after images, aspect ratios and tiers, and every kind of 200 without an image."""

import base64
import json

import pytest
from google import genai
from google.genai import types

from retouch.core.capabilities import ProviderFailure
from retouch.core.edit_types import EncodedImage
from retouch.core.provider_protocol import ProviderJob, ProviderRequest, ProviderResponse
from retouch.providers._shared import gemini as gemini_module
from retouch.providers.google import PROVIDER, edit
from tests.contract.standins.google import (
    SIZE_DIVISOR,
    GeminiStandIn,
    error_info,
    error_response,
    finished_response,
    quota_response,
    response_body,
    to_camel_case,
)
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import box_mask, decode_image, photo
from tests.support.services import build_services
from tests.support.upstream import json_response

PROMPT = "put a red scarf on the cat"
MODEL = "gemini-nano-banana-2.1"
# The example response of Google's documentation, with invented content.
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
    with GeminiStandIn() as server:
        yield server


CAT_PHOTO = photo(96, 64)


def google_edit(server, model=MODEL, images=(CAT_PHOTO,), **fields):
    services = build_services(server.env(), providers=(PROVIDER,))
    form = [("model", f"google/{model}"), ("prompt", PROMPT), *fields.items()]
    return post_edit(
        [*form, *(("image[]", file_part(image)) for image in images)], services=services
    )


def sent_body(server):
    (call,) = server.calls
    return call.json()


def build_job(images=1, **params):
    data = photo(96, 64)
    image = EncodedImage(data, "png", 96, 64)
    return ProviderJob(MODEL, PROMPT, (image,) * images, params=params)


def adapter_outcome(response, **params):
    """Return the images or the ParsedError that the adapter derives from a response body."""
    adapter = edit(build_job(**params))
    next(adapter)
    with pytest.raises((StopIteration, ProviderFailure)) as end:
        adapter.send(ProviderResponse(200, {}, json.dumps(response).encode()))
    if isinstance(end.value, StopIteration):
        return end.value.value
    assert isinstance(end.value, ProviderFailure)
    return end.value.error


def json_body(response):
    return json.loads(response.body)


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


@pytest.mark.parametrize(
    "reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "JAILBREAK"]
)
def test_block_reason_becomes_unbilled_input_moderation(reason):
    parsed = adapter_outcome({"promptFeedback": {"blockReason": reason}, "usageMetadata": USAGE})
    assert (parsed.kind, parsed.billed) == ("moderated", "no")
    assert parsed.details["moderation_details"] == {
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
def test_blocking_finish_reason_becomes_output_moderation(reason):
    parsed = adapter_outcome(json_body(finished_response(reason)))
    assert (parsed.kind, parsed.billed) == ("moderated", "unknown")
    assert parsed.details["moderation_details"]["moderation_stage"] == "output"


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
def test_support_codes_set_moderation_stage_and_categories(also, stage, categories):
    parsed = adapter_outcome(json_body(finished_response("SAFETY", **also)))
    assert parsed.billed == "unknown"
    assert parsed.details["moderation_details"] == {
        "moderation_stage": stage,
        "categories": categories,
    }


@pytest.mark.parametrize(
    "reason", ["NO_IMAGE", "IMAGE_OTHER", "OTHER", "MALFORMED_RESPONSE", "MAX_TOKENS", "NEW"]
)
def test_any_finish_reason_without_image_is_refusal_with_words_of_google_and_model(reason):
    candidate = {"finishMessage": "Unable to process it."}
    parsed = adapter_outcome(
        json_body(finished_response(reason, [{"text": "I will"}], **candidate))
    )
    assert (parsed.kind, parsed.billed) == ("refused", "unknown")
    for words in (reason, "Unable to process it.", "The model said: I will"):
        assert words in parsed.message


def test_blocked_result_has_words_of_google_and_model():
    response = finished_response("IMAGE_SAFETY", [{"text": "No."}], finishMessage="Blocked.")
    parsed = adapter_outcome(json_body(response))
    assert (parsed.kind, parsed.message) == ("moderated", "Blocked. The model said: No.")


def test_text_response_without_image_returns_provider_refused(gemini):
    gemini.fail_with(gemini.failures()["in_words"])
    response = google_edit(gemini)
    assert response.status == 400
    assert "I can't remove watermarks." in response.json["error"]["message"]
    assert response.json["error"]["code"] == "provider_refused"


def test_stop_without_image_and_words_is_refusal_with_remedy():
    parsed = adapter_outcome(json_body(finished_response("STOP")))
    assert parsed.kind == "refused"
    assert "Change the prompt or the image." in parsed.message


@pytest.mark.parametrize("nothing", [{}, {"candidates": []}, {"promptFeedback": {}}])
def test_empty_response_yields_no_images(nothing):
    assert adapter_outcome(nothing) == []


@pytest.mark.parametrize(
    ("response", "kind", "retry_after"),
    [
        (error_response(400, "INVALID_ARGUMENT", "m", error_info("API_KEY_INVALID")), "auth", None),
        (
            error_response(403, "PERMISSION_DENIED", "m", error_info("API_KEY_SERVICE_BLOCKED")),
            "auth",
            None,
        ),
        (error_response(403, "PERMISSION_DENIED", "m"), "auth", None),
        (
            error_response(403, "PERMISSION_DENIED", "m", error_info("SERVICE_DISABLED")),
            "suspended",
            None,
        ),
        (
            error_response(403, "PERMISSION_DENIED", "m", error_info("BILLING_DISABLED")),
            "out_of_quota",
            None,
        ),
        (error_response(400, "FAILED_PRECONDITION", "m"), "suspended", None),
        (error_response(400, "INVALID_ARGUMENT", "m"), "", None),
        (error_response(401, "UNAUTHENTICATED", "m"), "auth", None),
        (error_response(402, "RESOURCE_EXHAUSTED", "m"), "out_of_quota", None),
        (error_response(404, "NOT_FOUND", "m"), "no_such_model", None),
        (error_response(429, "RESOURCE_EXHAUSTED", "m"), "rate_limited", None),
        (
            quota_response("GenerateRequestsPerMinutePerProjectPerModel", "18s"),
            "rate_limited",
            18.0,
        ),
        (
            quota_response("GenerateRequestsPerMinutePerProjectPerModel", "0.5s"),
            "rate_limited",
            0.5,
        ),
        (
            quota_response("GenerateRequestsPerMinutePerProjectPerModel", "soon"),
            "rate_limited",
            None,
        ),
        (quota_response("GenerateRequestsPerDayPerProjectPerModel", "9s"), "out_of_quota", 9.0),
        (quota_response("RequestsPerMinutePerProject-FreeTier", "9s"), "out_of_quota", 9.0),
        (error_response(500, "INTERNAL", "m"), "undetermined", None),
        (json_response([{"error": {"code": 402, "message": "m"}}], 402), "out_of_quota", None),
    ],
)
def test_error_response_yields_kind_and_retry_after(response, kind, retry_after):
    parsed = PROVIDER.parse_error(ProviderResponse(response.status, {}, response.body))
    assert (parsed.kind, parsed.retry_after) == (kind, retry_after)
    assert parsed.message in ("m", "Quota exceeded.")


@pytest.mark.parametrize(("status", "billed"), [(500, "no"), (503, "no"), (504, None), (400, None)])
def test_status_500_or_503_is_not_billed(status, billed):
    assert (
        PROVIDER.parse_error(
            ProviderResponse(status, {}, error_response(status, "X", "m").body)
        ).billed
        == billed
    )


@pytest.mark.parametrize("name", sorted(GeminiStandIn().failures()))
def test_provider_failure_maps_to_promised_status_code_and_billing(gemini, name):
    failure = gemini.failures()[name]
    gemini.fail_with(failure)
    response = google_edit(gemini)
    assert (response.status, response.json["error"]["code"]) == (failure.status, failure.code)
    assert response.headers["x-retouch-billed"] == failure.billed
    assert len(gemini.calls) == 1


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
