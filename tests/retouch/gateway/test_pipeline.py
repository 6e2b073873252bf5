"""Tests of one edit through the whole pipeline, against a provider on a real socket."""

import base64

import pytest

from tests.support.events import json_event
from tests.support.gateway_client import file_part, post_edit, send_event
from tests.support.images import (
    b64,
    box_mask,
    channel_values,
    cutout,
    data_url,
    decode_image,
    encode_image,
    photo,
    scene,
)
from tests.support.services import InMemoryObjectStore, build_services
from tests.support.upstream import Upstream, json_response, sse_response

STREAM_FACTS = {
    "size": "1024x1024",
    "quality": "low",
    "background": "opaque",
    "output_format": "png",
}
USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


def test_multipart_edit_is_sent_to_provider_and_returned(upstream, env):
    image = photo(80, 60)
    response = post_edit(
        {
            "model": "openai/gpt-image-2",
            "prompt": "a hat é",
            "size": "1024x1024",
            "image": file_part(image),
        },
        env,
    )
    assert response.status == 200
    assert base64.b64decode(response.json["data"][0]["b64_json"])[:8] == b"\x89PNG\r\n\x1a\n"
    assert response.headers["x-retouch-model"] == "openai/gpt-image-2"
    assert response.headers["x-retouch-billed"] == "yes"
    (call,) = upstream.calls
    assert call.path == "/v1/images/edits"
    assert call.headers["authorization"] == "Bearer sk-configured"
    assert call.fields == {
        "model": "gpt-image-2",
        "prompt": "a hat é",
        "n": "1",
        "size": "1024x1024",
    }
    assert call.files == [("image", "image0.png", "image/png", image)]


def test_several_images_keep_their_order_and_detected_types(upstream, env):
    images = [photo(16, 16), photo(17, 16, "JPEG"), photo(18, 16, "WEBP")]
    fields = [("prompt", "p"), ("model", "gpt-image-2")]
    names = ["image", "image[]", "images[]"]
    fields += [
        (n, file_part(p, f"{i}.bin")) for i, (n, p) in enumerate(zip(names, images, strict=True))
    ]
    assert post_edit(fields, env).status == 200
    files = upstream.calls[0].files
    assert [name for name, *_ in files] == ["image[]"] * 3
    assert [mime for _, _, mime, _ in files] == ["image/png", "image/jpeg", "image/webp"]
    assert [data for *_, data in files] == images


def test_mask_file_is_sent_unchanged(upstream, env):
    mask = box_mask(64, 64)
    post_edit(
        {
            "model": "gpt-image-2",
            "prompt": "p",
            "image": file_part(photo()),
            "mask": file_part(mask),
        },
        env,
    )
    assert upstream.calls[0].files[1] == ("mask", "mask.png", "image/png", mask)


def test_json_body_with_data_urls_is_sent_as_files(upstream, env):
    response = send_event(
        json_event(
            {
                "model": "gpt-image-2",
                "prompt": "p",
                "n": 1,
                "images": [{"image_url": data_url(photo())}],
                "mask": {"image_url": data_url(box_mask())},
                "background": None,
                "user": "",
            }
        ),
        env,
    )
    assert response.status == 200
    call = upstream.calls[0]
    assert [name for name, *_ in call.files] == ["image", "mask"]
    assert "background" not in call.fields
    assert "user" not in call.fields


def test_moderation_low_is_sent_as_json(upstream, env):
    fields = {
        "model": "gpt-image-2",
        "prompt": "p",
        "moderation": "low",
        "image": file_part(photo()),
    }
    assert post_edit(fields, env).status == 200
    sent = upstream.calls[0].json()
    assert sent["moderation"] == "low"
    assert sent["images"] == [{"image_url": data_url(photo())}]


def test_every_documented_parameter_is_sent(env, upstream):
    params = {
        "size": "1536x1024",
        "quality": "high",
        "background": "opaque",
        "output_format": "webp",
        "output_compression": "60",
        "user": "u1",
        "n": "2",
    }
    post_edit({"model": "gpt-image-2", "prompt": "p", "image": file_part(photo()), **params}, env)
    fields = upstream.calls[0].fields
    assert {name: fields[name] for name in params} == params


def test_local_erase_needs_no_key_and_no_network():
    image = scene(96, 96)
    response = post_edit(
        {
            "prompt": "remove it",
            "image": file_part(encode_image(image)),
            "mask": file_part(box_mask(96, 96)),
        }
    )
    assert response.status == 200
    assert response.headers["x-retouch-billed"] == "no"
    (entry,) = response.json["data"]
    assert "not interpreted" in entry["revised_prompt"]
    result = decode_image(base64.b64decode(entry["b64_json"])).convert("RGB")
    assert channel_values(result, (48, 48))[0] < 180, "the red box was erased"
    assert result.getpixel((5, 5)) == image.getpixel((5, 5))


def test_local_erase_with_n_3_returns_3_images():
    response = post_edit({"prompt": "p", "n": "3", "image": file_part(cutout())})
    assert len(response.json["data"]) == 3


def test_provider_url_result_is_stored_and_own_url_returned(env):
    result = photo(32, 32)
    with Upstream() as upstream:
        upstream.responses = [
            json_response({"data": [{"url": f"{upstream.url}/file/x.png"}], "created": 1})
        ]
        upstream.files["/file/x.png"] = result
        bucket = InMemoryObjectStore()
        services = build_services(
            {**env, "OPENAI_BASE_URL": f"{upstream.url}/v1", "RETOUCH_BUCKET": "b"}, bucket=bucket
        )
        fields = {"model": "gpt-image-2", "prompt": "p", "image": file_part(photo())}
        as_url = post_edit({**fields, "response_format": "url"}, services=services)
        as_base64 = post_edit(fields, services=services)
    ((url, stored),) = bucket.objects.items()
    assert as_url.json["data"] == [{"url": url}]
    assert stored == result
    assert as_base64.json["data"] == [{"b64_json": b64(result)}]


def test_result_on_other_host_is_fetched_without_key_when_allowed(env):
    fields = {"model": "gpt-image-2", "prompt": "p", "image": file_part(photo())}
    result = photo(8, 8)
    with Upstream() as upstream, Upstream() as other_host:
        other_host.files["/x.png"] = result
        upstream.responses = [json_response({"data": [{"url": f"{other_host.url}/x.png"}]})]
        env = {**env, "OPENAI_BASE_URL": upstream.url}
        refused = post_edit(fields, env)
        assert other_host.received == []
        allowed = post_edit(
            fields, {**env, "RETOUCH_FETCH_ALLOW": other_host.url.removeprefix("http://")}
        )
    assert (refused.status, refused.json["error"]["code"]) == (502, "result_not_fetched")
    assert refused.headers["x-retouch-billed"] == "unknown"
    assert base64.b64decode(allowed.json["data"][0]["b64_json"]) == result
    (fetch,) = other_host.received
    assert "authorization" not in fetch.headers


def test_metadata_of_provider_response_is_returned(env):
    metadata = {
        "background": "opaque",
        "output_format": "png",
        "quality": "low",
        "size": "1024x1024",
    }
    body = {"created": 5, "data": [{"b64_json": b64(photo())}], "usage": USAGE, **metadata}
    with Upstream(json_response(body)) as upstream:
        response = post_edit(
            {"model": "gpt-image-2", "prompt": "p", "image": file_part(photo())},
            {**env, "OPENAI_BASE_URL": upstream.url},
        )
    assert {name: response.json[name] for name in metadata} == metadata
    assert response.json["usage"] == USAGE


class TestRetiredModel:
    """Tests of dall-e-2, which is retired upstream. Its callers keep its contract with a current model."""

    @pytest.fixture
    def fields(self):
        return {"model": "dall-e-2", "prompt": "p", "image": file_part(cutout()), "size": "256x256"}

    def test_retired_model_is_served_by_successor_and_noted(self, fields, env, upstream):
        response = post_edit({**fields, "response_format": "b64_json"}, env)
        assert response.status == 200
        assert response.headers["x-retouch-model"] == "openai/gpt-image-2"
        assert "dall-e-2 ended on 2026-05-12" in response.headers["x-retouch-notes"]
        assert response.headers["sunset"].endswith("12 May 2026 00:00:00 GMT")
        assert response.headers["deprecation"].startswith("@")
        call = upstream.calls[0]
        assert call.fields["size"] == "1024x1024"
        assert decode_image(base64.b64decode(response.json["data"][0]["b64_json"])).size == (
            256,
            256,
        )

    def test_transparency_of_image_is_sent_as_mask(self, fields, env, upstream):
        post_edit(fields, env)
        names = [name for name, *_ in upstream.calls[0].files]
        assert names == ["image", "mask"]
        alpha = decode_image(upstream.calls[0].files[1][3]).getchannel("A")
        assert alpha.getpixel((32, 32)) == 0
        assert alpha.getpixel((2, 2)) == 255

    def test_default_response_format_is_url(self, fields, env):
        services = build_services({**env, "RETOUCH_BUCKET": "b"})
        assert "url" in post_edit(fields, services=services).json["data"][0]

    def test_default_without_bucket_becomes_base64_and_is_noted(self, fields, env):
        response = post_edit(fields, env)
        assert "b64_json" in response.json["data"][0]
        assert "response_format: no bucket" in response.headers["x-retouch-notes"]

    @pytest.mark.parametrize(
        ("change", "param"),
        [
            ({"image": file_part(cutout(64, 48)), "fit": "strict"}, "image"),
            ({"image": file_part(photo(64, 48))}, "image"),
            ({"image": file_part(photo(64, 64, "JPEG"))}, "image"),
            ({"prompt": "x" * 1001}, "prompt"),
            ({"size": "1536x1024"}, "size"),
            ({"quality": "high"}, "quality"),
            ({"background": "transparent"}, "background"),
        ],
    )
    def test_rules_of_retired_model_are_still_checked(self, fields, env, upstream, change, param):
        response = post_edit({**fields, **change}, env)
        assert response.status == 400
        assert response.json["error"]["param"] == param
        assert upstream.calls == []

    def test_strict_retired_setting_returns_410(self, fields, env, upstream):
        response = post_edit(fields, {**env, "RETOUCH_STRICT_RETIRED": "true"})
        assert response.status == 410
        assert response.json["error"]["code"] == "model_retired"
        assert upstream.calls == []

    def test_successors_setting_selects_the_successor(self, fields, env, upstream):
        response = post_edit(
            fields, {**env, "RETOUCH_SUCCESSORS": "openai/dall-e-2=azure-openai/gpt-image-2"}
        )
        assert response.headers["x-retouch-model"] == "azure-openai/gpt-image-2"
        assert upstream.calls[0].headers["api-key"] == "az-configured"

    def test_retired_model_is_default_when_header_names_provider(self, env, upstream):
        headers = {"x-portkey-provider": "openai", "x-portkey-api-key": "sk-callers"}
        response = post_edit({"prompt": "p", "image": file_part(cutout())}, env, headers)
        assert "dall-e-2" in response.headers["x-retouch-notes"]
        assert upstream.calls[0].headers["authorization"] == "Bearer sk-callers"


class TestStreaming:
    def partial_event(self, index):
        return {
            "type": "image_edit.partial_image",
            "b64_json": b64(photo()),
            "partial_image_index": index,
            "created_at": 1,
            **STREAM_FACTS,
        }

    def completed_event(self):
        fields = {"b64_json": b64(photo()), "created_at": 2, "usage": USAGE, **STREAM_FACTS}
        return {"type": "image_edit.completed", **fields}

    def send_streamed_edit(self, env, *events, **extra):
        fields = {
            "model": "gpt-image-2",
            "prompt": "p",
            "stream": "true",
            "image": file_part(photo()),
        }
        with Upstream(sse_response(*events)) as upstream:
            response = post_edit({**fields, **extra}, {**env, "OPENAI_BASE_URL": upstream.url})
            return response, upstream.calls[0]

    def test_stream_events_are_returned_in_order(self, env):
        events = (self.partial_event(0), self.partial_event(1), self.completed_event())
        response, call = self.send_streamed_edit(env, *events, partial_images="2")
        assert [name for name, _ in response.frames] == [
            "image_edit.partial_image",
            "image_edit.partial_image",
            "image_edit.completed",
        ]
        assert response.frames[1][1]["partial_image_index"] == 1
        assert response.frames[2][1]["usage"] == USAGE
        assert call.fields["stream"] == "true"
        assert call.fields["partial_images"] == "2"
        assert response.headers["content-type"] == "text/event-stream"

    def test_failure_during_stream_is_a_final_error_event(self, env):
        error = {"error": {"message": "boom", "code": "moderation_blocked"}}
        response, _ = self.send_streamed_edit(env, self.partial_event(0), error)
        assert [name for name, _ in response.frames] == ["image_edit.partial_image", "error"]
        assert response.frames[-1][1]["error"]["code"] == "moderation_blocked"

    def test_truncated_stream_ends_with_error_event(self, env):
        cut = sse_response(self.partial_event(0))
        cut.network_failure = "cut"
        fields = {
            "model": "gpt-image-2",
            "prompt": "p",
            "stream": "true",
            "image": file_part(photo()),
        }
        with Upstream(cut) as upstream:
            response = post_edit(fields, {**env, "OPENAI_BASE_URL": upstream.url})
        assert response.frames[-1][0] == "error"

    def test_stream_without_final_image_ends_with_error_event(self, env):
        response, _ = self.send_streamed_edit(env, self.partial_event(0))
        assert response.frames[-1][1]["error"]["code"] == "no_image_returned"

    def test_failure_before_first_event_keeps_its_status(self, env):
        error = {"error": {"message": "no", "code": "moderation_blocked"}}
        with Upstream(json_response(error, 400)) as upstream:
            response = post_edit(
                {
                    "model": "gpt-image-2",
                    "prompt": "p",
                    "stream": "true",
                    "image": file_part(photo()),
                },
                {**env, "OPENAI_BASE_URL": upstream.url},
            )
        assert response.status == 400

    def test_provider_without_streaming_gives_only_completed_events(self):
        fields = {"prompt": "p", "stream": "true", "n": "2", "image": file_part(cutout())}
        response = post_edit(fields)
        assert [name for name, _ in response.frames] == ["image_edit.completed"] * 2
        assert decode_image(base64.b64decode(response.frames[0][1]["b64_json"])).size == (64, 64)
