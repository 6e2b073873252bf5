"""One edit through the whole corridor, against a provider on a real socket."""

import base64

import pytest

from tests.support.door import edit, knock, png
from tests.support.events import json_event
from tests.support.house import Shelf, build_house
from tests.support.pictures import b64, cutout, data_url, encoded, hole, opened, photo, scene
from tests.support.upstream import Upstream, as_events, as_json

STREAM_FACTS = {
    "size": "1024x1024",
    "quality": "low",
    "background": "opaque",
    "output_format": "png",
}
USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


def test_multipart_edit_reaches_the_provider_and_comes_back(upstream, env):
    picture = photo(80, 60)
    answer = edit(
        {
            "model": "openai/gpt-image-2",
            "prompt": "a hat é",
            "size": "1024x1024",
            "image": png(picture),
        },
        env,
    )
    assert answer.status == 200
    assert base64.b64decode(answer.json["data"][0]["b64_json"])[:8] == b"\x89PNG\r\n\x1a\n"
    assert answer.headers["x-retouch-model"] == "openai/gpt-image-2"
    assert answer.headers["x-retouch-billed"] == "yes"
    (call,) = upstream.calls
    assert call.path == "/v1/images/edits"
    assert call.headers["authorization"] == "Bearer sk-configured"
    assert call.fields == {
        "model": "gpt-image-2",
        "prompt": "a hat é",
        "n": "1",
        "size": "1024x1024",
    }
    assert call.files == [("image", "image0.png", "image/png", picture)]


def test_several_images_keep_their_order_and_true_types(upstream, env):
    pictures = [photo(16, 16), photo(17, 16, "JPEG"), photo(18, 16, "WEBP")]
    fields = [("prompt", "p"), ("model", "gpt-image-2")]
    names = ["image", "image[]", "images[]"]
    fields += [
        (n, png(p, f"{i}.bin")) for i, (n, p) in enumerate(zip(names, pictures, strict=True))
    ]
    assert edit(fields, env).status == 200
    files = upstream.calls[0].files
    assert [name for name, *_ in files] == ["image[]"] * 3
    assert [mime for _, _, mime, _ in files] == ["image/png", "image/jpeg", "image/webp"]
    assert [data for *_, data in files] == pictures


def test_mask_file_is_sent_as_it_came(upstream, env):
    mask = hole(64, 64)
    edit({"model": "gpt-image-2", "prompt": "p", "image": png(photo()), "mask": png(mask)}, env)
    assert upstream.calls[0].files[1] == ("mask", "mask.png", "image/png", mask)


def test_json_form_with_data_urls(upstream, env):
    answer = knock(
        json_event(
            {
                "model": "gpt-image-2",
                "prompt": "p",
                "n": 1,
                "images": [{"image_url": data_url(photo())}],
                "mask": {"image_url": data_url(hole())},
                "background": None,
                "user": "",
            }
        ),
        env,
    )
    assert answer.status == 200
    call = upstream.calls[0]
    assert [name for name, *_ in call.files] == ["image", "mask"]
    assert "background" not in call.fields
    assert "user" not in call.fields


def test_moderation_low_travels_in_the_json_form_because_it_exists_only_there(upstream, env):
    fields = {"model": "gpt-image-2", "prompt": "p", "moderation": "low", "image": png(photo())}
    assert edit(fields, env).status == 200
    sent = upstream.calls[0].json()
    assert sent["moderation"] == "low"
    assert sent["images"] == [{"image_url": data_url(photo())}]


def test_every_documented_parameter_is_applied(env, upstream):
    params = {
        "size": "1536x1024",
        "quality": "high",
        "background": "opaque",
        "output_format": "webp",
        "output_compression": "60",
        "user": "u1",
        "n": "2",
    }
    edit({"model": "gpt-image-2", "prompt": "p", "image": png(photo()), **params}, env)
    fields = upstream.calls[0].fields
    assert {name: fields[name] for name in params} == params


def test_local_erase_needs_no_key_and_no_network():
    picture = scene(96, 96)
    answer = edit(
        {"prompt": "remove it", "image": png(encoded(picture)), "mask": png(hole(96, 96))}
    )
    assert answer.status == 200
    assert answer.headers["x-retouch-billed"] == "no"
    (entry,) = answer.json["data"]
    assert "not interpreted" in entry["revised_prompt"]
    done = opened(base64.b64decode(entry["b64_json"])).convert("RGB")
    assert done.getpixel((48, 48))[0] < 180, "the red box is gone"
    assert done.getpixel((5, 5)) == picture.getpixel((5, 5))


def test_local_n_and_own_transparency():
    answer = edit({"prompt": "p", "n": "3", "image": png(cutout())})
    assert len(answer.json["data"]) == 3


def test_url_results_are_stored_and_never_the_providers_own(env):
    result = photo(32, 32)
    with Upstream() as upstream:
        upstream.answers = [
            as_json({"data": [{"url": f"{upstream.url}/file/x.png"}], "created": 1})
        ]
        upstream.files["/file/x.png"] = result
        shelf = Shelf()
        house = build_house(
            {**env, "OPENAI_BASE_URL": f"{upstream.url}/v1", "RETOUCH_BUCKET": "b"}, bucket=shelf
        )
        fields = {"model": "gpt-image-2", "prompt": "p", "image": png(photo())}
        kept = edit({**fields, "response_format": "url"}, house=house)
        inline = edit(fields, house=house)
    ((url, stored),) = shelf.kept.items()
    assert kept.json["data"] == [{"url": url}]
    assert stored == result
    assert inline.json["data"] == [{"b64_json": b64(result)}]


def test_a_result_on_a_foreign_host_is_fetched_without_the_key_and_by_the_guard_only(env):
    fields = {"model": "gpt-image-2", "prompt": "p", "image": png(photo())}
    result = photo(8, 8)
    with Upstream() as upstream, Upstream() as stranger:
        stranger.files["/x.png"] = result
        upstream.answers = [as_json({"data": [{"url": f"{stranger.url}/x.png"}]})]
        env = {**env, "OPENAI_BASE_URL": upstream.url}
        refused = edit(fields, env)
        assert stranger.received == []
        allowed = edit(fields, {**env, "RETOUCH_FETCH_ALLOW": stranger.url.removeprefix("http://")})
    assert (refused.status, refused.json["error"]["code"]) == (502, "result_not_fetched")
    assert refused.headers["x-retouch-billed"] == "unknown"
    assert base64.b64decode(allowed.json["data"][0]["b64_json"]) == result
    (fetch,) = stranger.received
    assert "authorization" not in fetch.headers


def test_facts_of_the_answer_are_passed_on(env):
    facts = {"background": "opaque", "output_format": "png", "quality": "low", "size": "1024x1024"}
    body = {"created": 5, "data": [{"b64_json": b64(photo())}], "usage": USAGE, **facts}
    with Upstream(as_json(body)) as upstream:
        answer = edit(
            {"model": "gpt-image-2", "prompt": "p", "image": png(photo())},
            {**env, "OPENAI_BASE_URL": upstream.url},
        )
    assert {name: answer.json[name] for name in facts} == facts
    assert answer.json["usage"] == USAGE


class TestRetiredContract:
    """dall-e-2 is gone upstream; its callers keep their contract over a live model."""

    @pytest.fixture
    def fields(self):
        return {"model": "dall-e-2", "prompt": "p", "image": png(cutout()), "size": "256x256"}

    def test_served_by_the_successor_and_said_so(self, fields, env, upstream):
        answer = edit({**fields, "response_format": "b64_json"}, env)
        assert answer.status == 200
        assert answer.headers["x-retouch-model"] == "openai/gpt-image-2"
        assert "dall-e-2 ended on 2026-05-12" in answer.headers["x-retouch-notes"]
        assert answer.headers["sunset"].endswith("12 May 2026 00:00:00 GMT")
        assert answer.headers["deprecation"].startswith("@")
        call = upstream.calls[0]
        assert call.fields["size"] == "1024x1024"
        assert opened(base64.b64decode(answer.json["data"][0]["b64_json"])).size == (256, 256)

    def test_own_transparency_becomes_the_mask(self, fields, env, upstream):
        edit(fields, env)
        names = [name for name, *_ in upstream.calls[0].files]
        assert names == ["image", "mask"]
        alpha = opened(upstream.calls[0].files[1][3]).getchannel("A")
        assert alpha.getpixel((32, 32)) == 0
        assert alpha.getpixel((2, 2)) == 255

    def test_default_is_a_url(self, fields, env):
        house = build_house({**env, "RETOUCH_BUCKET": "b"})
        assert "url" in edit(fields, house=house).json["data"][0]

    def test_without_a_bucket_the_default_becomes_base64_and_is_noted(self, fields, env):
        answer = edit(fields, env)
        assert "b64_json" in answer.json["data"][0]
        assert "response_format: no bucket" in answer.headers["x-retouch-notes"]

    @pytest.mark.parametrize(
        ("change", "param"),
        [
            ({"image": png(photo(64, 48))}, "image"),
            ({"image": png(photo(64, 64, "JPEG"))}, "image"),
            ({"image": png(photo(64, 64))}, "mask"),
            ({"prompt": "x" * 1001}, "prompt"),
            ({"size": "1536x1024"}, "size"),
            ({"quality": "high"}, "quality"),
            ({"background": "transparent"}, "background"),
        ],
    )
    def test_old_rules_hold(self, fields, env, upstream, change, param):
        answer = edit({**fields, **change}, env)
        assert answer.status == 400
        assert answer.json["error"]["param"] == param
        assert upstream.calls == []

    def test_strict_setting_answers_410(self, fields, env, upstream):
        answer = edit(fields, {**env, "RETOUCH_STRICT_RETIRED": "true"})
        assert answer.status == 410
        assert answer.json["error"]["code"] == "model_retired"
        assert upstream.calls == []

    def test_operator_chooses_the_successor(self, fields, env, upstream):
        answer = edit(
            fields, {**env, "RETOUCH_SUCCESSORS": "openai/dall-e-2=azure-openai/gpt-image-2"}
        )
        assert answer.headers["x-retouch-model"] == "azure-openai/gpt-image-2"
        assert upstream.calls[0].headers["api-key"] == "az-configured"

    def test_is_the_default_where_a_header_names_the_provider(self, env, upstream):
        headers = {"x-portkey-provider": "openai", "x-portkey-api-key": "sk-callers"}
        answer = edit({"prompt": "p", "image": png(cutout())}, env, headers)
        assert "dall-e-2" in answer.headers["x-retouch-notes"]
        assert upstream.calls[0].headers["authorization"] == "Bearer sk-callers"


class TestStreaming:
    def partial(self, index):
        return {
            "type": "image_edit.partial_image",
            "b64_json": b64(photo()),
            "partial_image_index": index,
            "created_at": 1,
            **STREAM_FACTS,
        }

    def completed(self):
        picture = {"b64_json": b64(photo()), "created_at": 2, "usage": USAGE, **STREAM_FACTS}
        return {"type": "image_edit.completed", **picture}

    def stream(self, env, *events, **extra):
        fields = {"model": "gpt-image-2", "prompt": "p", "stream": "true", "image": png(photo())}
        with Upstream(as_events(*events)) as upstream:
            answer = edit({**fields, **extra}, {**env, "OPENAI_BASE_URL": upstream.url})
            return answer, upstream.calls[0]

    def test_events_pass_in_order(self, env):
        events = (self.partial(0), self.partial(1), self.completed())
        answer, call = self.stream(env, *events, partial_images="2")
        assert [name for name, _ in answer.frames] == [
            "image_edit.partial_image",
            "image_edit.partial_image",
            "image_edit.completed",
        ]
        assert answer.frames[1][1]["partial_image_index"] == 1
        assert answer.frames[2][1]["usage"] == USAGE
        assert call.fields["stream"] == "true"
        assert call.fields["partial_images"] == "2"
        assert answer.headers["content-type"] == "text/event-stream"

    def test_midstream_failure_is_an_error_event_and_the_end(self, env):
        error = {"error": {"message": "boom", "code": "moderation_blocked"}}
        answer, _ = self.stream(env, self.partial(0), error)
        assert [name for name, _ in answer.frames] == ["image_edit.partial_image", "error"]
        assert answer.frames[-1][1]["error"]["code"] == "moderation_blocked"

    def test_cut_stream_is_an_error_event(self, env):
        cut = as_events(self.partial(0))
        cut.fault = "cut"
        fields = {"model": "gpt-image-2", "prompt": "p", "stream": "true", "image": png(photo())}
        with Upstream(cut) as upstream:
            answer = edit(fields, {**env, "OPENAI_BASE_URL": upstream.url})
        assert answer.frames[-1][0] == "error"

    def test_stream_that_ends_without_a_picture_is_an_error(self, env):
        answer, _ = self.stream(env, self.partial(0))
        assert answer.frames[-1][1]["error"]["code"] == "no_image_returned"

    def test_failure_before_the_first_event_keeps_its_status(self, env):
        error = {"error": {"message": "no", "code": "moderation_blocked"}}
        with Upstream(as_json(error, 400)) as upstream:
            answer = edit(
                {"model": "gpt-image-2", "prompt": "p", "stream": "true", "image": png(photo())},
                {**env, "OPENAI_BASE_URL": upstream.url},
            )
        assert answer.status == 400

    def test_a_provider_that_cannot_stream_gives_completed_events_only(self):
        fields = {"prompt": "p", "stream": "true", "n": "2", "image": png(cutout())}
        answer = edit(fields)
        assert [name for name, _ in answer.frames] == ["image_edit.completed"] * 2
        assert opened(base64.b64decode(answer.frames[0][1]["b64_json"])).size == (64, 64)
