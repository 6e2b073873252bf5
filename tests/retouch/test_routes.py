"""The routes beside the edit: models, health, uploads, doctor, preflight, direct invokes."""

import hashlib
import json
from math import inf

import pytest

from retouch.edges.routes import Request, edits
from retouch.messages import Inbound
from retouch.providers import PROVIDERS
from retouch.wire.portkey import READ
from tests.support.door import edit, knock, png
from tests.support.events import event, form_event, multipart
from tests.support.house import Shelf, build_house
from tests.support.pictures import cutout, data_url, hole, opened, photo
from tests.support.upstream import Upstream, as_json

UPLOAD = "upload_" + "0" * 32
FORM = multipart({"prompt": "p", "image": png(cutout())})


class Asked(dict):
    """An edit's headers, which note what they were asked for by name."""

    def __init__(self):
        super().__init__({"content-type": FORM[0]})
        self.names = set()

    def get(self, name, *absent):
        self.names.add(name)
        return super().get(name, *absent)

    def __contains__(self, name):
        self.names.add(name)
        return super().__contains__(name)


def get(path, query=None, **options):
    request = event(method="GET", path=path)
    request["queryStringParameters"] = query
    return knock(request, **options)


def post(path, body, **options):
    return knock(event("application/json", body, path=path), **options)


class TestModels:
    def test_every_model_with_what_it_can_do(self):
        answer = get("/v1/models")
        models = {model["id"]: model for model in answer.json["data"]}
        assert answer.json["object"] == "list"
        assert models["local/erase"]["capabilities"]["mask"] == "required"
        assert models["openai/gpt-image-2"]["capabilities"]["max_images"] == 16
        assert models["openai/dall-e-2"]["shutdown_date"] == "2026-05-12"
        assert models["openai/dall-e-2"]["successor"] == "openai/gpt-image-2"
        assert models["openai/gpt-image-2"]["owned_by"] == "openai"


class TestHealth:
    def test_deep_asks_the_providers_that_have_a_key(self):
        with Upstream(as_json({})) as upstream:
            upstream.files["/models"] = b"{}"
            env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url, "RETOUCH_BUCKET": "b"}
            answer = get("/health", {"deep": "1"}, env=env)
        assert answer.status == 200
        assert answer.json["status"] == "ok"
        checks = answer.json["checks"]
        assert (checks.pop("bucket"), checks.pop("openai")) == ("ok", "ok")
        assert checks["azure-openai"] == "not configured"
        assert set(checks.values()) == {"not configured", "not checked"}
        assert upstream.calls == [], "a health check costs nothing"

    def test_a_refused_key_is_said_in_words(self):
        with Upstream(as_json({})) as upstream:
            env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url}
            answer = get("/health", {"deep": "1"}, env=env)
        assert answer.status == 503
        assert "OpenAI" in answer.json["checks"]["openai"]


class TestUploads:
    def test_invitation(self):
        body = b'{"content_type": "image/jpeg"}'
        answer = post("/v1/uploads", body, env={"RETOUCH_BUCKET": "b"})
        assert answer.status == 200
        assert answer.json["id"].startswith("upload_")
        assert answer.json["content_type"] == "image/jpeg"
        assert answer.json["max_bytes"] == 50_000_000

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b'{"content_type": "image/gif"}', "invalid_value"),
            (b'{"name": "x"}', "unknown_parameter"),
            (b"[", "invalid_json"),
        ],
    )
    def test_refusals(self, body, code):
        answer = post("/v1/uploads", body, env={"RETOUCH_BUCKET": "b"})
        assert (answer.status, answer.json["error"]["code"]) == (400, code)

    def test_without_a_bucket(self):
        assert post("/v1/uploads", b"{}").json["error"]["code"] == "gateway_not_configured"

    @pytest.mark.parametrize("form", ["multipart", "json"])
    def test_an_upload_is_edited(self, form):
        shelf = Shelf()
        shelf.kept[UPLOAD] = cutout()
        house = build_house({"RETOUCH_BUCKET": "b"}, bucket=shelf)
        if form == "multipart":
            answer = edit({"prompt": "p", "image": f"upload://{UPLOAD}"}, house=house)
        else:
            body = {"prompt": "p", "images": [{"file_id": UPLOAD}]}
            answer = post("/v1/images/edits", json.dumps(body).encode(), house=house)
        assert answer.status == 200

    def test_an_upload_that_is_not_there(self):
        answer = edit({"prompt": "p", "image": f"upload://{UPLOAD}"})
        assert answer.json["error"]["code"] == "upload_not_found"

    def test_objects_of_the_bucket_are_for_direct_invokes(self):
        shelf = Shelf()
        shelf.kept["b/results/x.png"] = cutout()
        house = build_house({"RETOUCH_BUCKET": "b"}, bucket=shelf)
        answer = edit({"prompt": "p", "image": "s3://b/results/x.png"}, house=house)
        assert answer.status == 400
        assert answer.json["error"]["code"] == "unsupported_image_url"


class TestDoctor:
    def test_says_what_arrived(self):
        data = bytes(range(256)) * 5
        request = form_event({"image": png(data)})
        request["path"] = "/v1/doctor"
        answer = knock(request)
        assert answer.json["images"] == [
            {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        ]


class TestPreflight:
    def ask(self, origin, **env):
        request = event(method="OPTIONS", headers={"Origin": origin})
        return knock(request, env=env)

    def test_a_configured_origin_may(self):
        answer = self.ask("https://app.example", RETOUCH_CORS_ORIGINS="https://app.example")
        assert answer.status == 204
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert "Authorization" in answer.headers["access-control-allow-headers"]

    def test_it_allows_every_header_that_is_read(self):
        env = {"RETOUCH_CORS_ORIGINS": "https://app.example"}
        answer = self.ask("https://app.example", **env, RETOUCH_FORWARD_HEADERS="X-Customer")
        allowed = set(answer.headers["access-control-allow-headers"].lower().split(","))
        options = {name for provider in PROVIDERS for name in provider.portkey}
        assert {"x-portkey-config", "x-portkey-cache-namespace", "x-customer"} <= allowed
        assert {f"x-portkey-{name}" for name in (*READ, *options)} <= allowed
        assert {"x-stainless-os", "x-stainless-retry-count", "x-portkey-runtime"} <= allowed
        asked = Asked()
        order = Request(Inbound("/v1/images/edits", asked, FORM[1]), {}, "r", inf)
        assert edits(order, build_house()).status == 200
        assert asked.names > {"authorization", "content-type", "traceparent"}
        assert asked.names <= allowed

    def test_another_may_not(self):
        answer = self.ask("https://evil.example", RETOUCH_CORS_ORIGINS="https://app.example")
        assert "access-control-allow-origin" not in answer.headers

    def test_answers_carry_the_headers_too(self):
        answer = edit(
            {"prompt": "p", "image": png(cutout())},
            {"RETOUCH_CORS_ORIGINS": "https://app.example"},
            {"Origin": "https://app.example"},
        )
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "x-retouch-billed" in answer.headers["access-control-expose-headers"]


class TestDirect:
    def test_the_event_is_the_edit(self):
        edit_event = {
            "prompt": "p",
            "images": [data_url(photo())],
            "mask": data_url(hole()),
            "n": 2,
        }
        answer = knock(edit_event)
        assert answer.status == 200
        assert len(answer.json["data"]) == 2
        assert answer.json["retouch"]["model"] == "local/erase"

    def test_iam_is_enough(self):
        house = build_house({"RETOUCH_AUTH_MODE": "keys"})
        assert knock({"prompt": "p", "images": [data_url(cutout())]}, house=house).status == 200

    def test_objects_of_the_stacks_bucket(self):
        shelf = Shelf()
        shelf.kept["b/uploads/x"] = cutout()
        house = build_house({"RETOUCH_BUCKET": "b"}, bucket=shelf)
        assert knock({"prompt": "p", "images": ["s3://b/uploads/x"]}, house=house).status == 200
        missing = knock({"prompt": "p", "images": ["s3://other/x"]}, house=house)
        assert missing.json["error"]["code"] == "object_not_found"

    @pytest.mark.parametrize(
        ("edit_event", "code"),
        [
            ({"prompt": ""}, "missing_required_parameter"),
            ({"images": [data_url(cutout())]}, "missing_required_parameter"),
            (
                {"prompt": "p", "images": [data_url(photo())], "stream": True},
                "unsupported_parameter",
            ),
            ({"prompt": "p", "images": "nonsense"}, "invalid_image_url"),
            ({"hello": 1}, "invalid_value"),
            ([], "invalid_value"),
            (None, "invalid_value"),
        ],
    )
    def test_errors_come_back_as_the_envelope(self, edit_event, code):
        answer = knock(edit_event)
        assert answer.json["error"]["code"] == code
        assert answer.json["retouch"]["billed"] == "no"

    def test_what_is_too_long_to_return_becomes_a_link(self, monkeypatch):
        monkeypatch.setattr("retouch.wire.direct.MOST_BYTES", 1000)
        shelf = Shelf()
        house = build_house({"RETOUCH_BUCKET": "b"}, bucket=shelf)
        picture = data_url(cutout(256, 256))
        answer = knock({"prompt": "p", "images": [picture]}, house=house)
        (url,) = shelf.kept
        assert answer.json["data"][0]["url"] == url
        assert opened(shelf.kept[url]).size == (256, 256)
        assert "too many for this answer" in answer.json["retouch"]["notes"]
