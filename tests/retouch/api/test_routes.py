"""Tests of the routes beside the edit: models, health, uploads, doctor, preflight and direct invocations."""

import hashlib
import json
from math import inf

import pytest

from retouch.api.endpoint_request import EndpointRequest, authenticate_caller
from retouch.api.events.unknown import UnknownEvent
from retouch.api.routes import create_edit
from retouch.core.credentials.upload_ids import make_upload_id
from retouch.core.edit_types import HttpRequest
from retouch.core.portkey_types import KNOWN_HEADERS
from retouch.gateway.authentication import key_digest
from retouch.providers import PROVIDERS
from tests.support.events import encode_multipart, form_event, proxy_event
from tests.support.gateway_client import file_part, post_edit, send_event
from tests.support.images import box_mask, cutout, data_url, decode_image, photo
from tests.support.services import InMemoryObjectStore, build_services
from tests.support.upstream import Upstream, json_response

UPLOAD = make_upload_id("", "0" * 16)
FORM = encode_multipart({"prompt": "p", "image": file_part(cutout())})

# The shapes of events that services send, from the AWS Lambda developer guide.
FOREIGN_EVENTS = {
    "SQS": {"Records": [{"messageId": "m", "body": '{"prompt": "p"}', "eventSource": "aws:sqs"}]},
    "S3": {"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": "image.png"}}}]},
    "SNS": {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "image"}}]},
    "Kinesis": {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": "eA=="}}]},
    "DynamoDB": {"Records": [{"eventSource": "aws:dynamodb", "dynamodb": {"Keys": {}}}]},
    "MQ": {"eventSource": "aws:mq", "messages": [{"data": "eA=="}]},
    "Kafka": {"eventSource": "aws:kafka", "records": {"topic-0": []}},
    "EventBridge": {"source": "shop", "detail-type": "x", "detail": {"prompt": "p"}},
    "a schedule": {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
    "Pipes": [{"prompt": "p", "images": []}],
    "CloudWatch Logs": {"awslogs": {"data": "eA=="}},
    "S3 Batch": {"tasks": [{"s3Key": "image.png"}], "invocationId": "i"},
    "a destination": {
        "requestContext": {"functionArn": "f", "condition": "RetriesExhausted"},
        "requestPayload": {"prompt": "p"},
    },
    "a WebSocket": {"requestContext": {"routeKey": "$connect", "eventType": "CONNECT"}},
    "an empty object": {},
    "another object": {"hello": 1},
    "a list": [],
    "null": None,
    "text": "prompt",
}


class RecordingHeaders(dict[str, str]):
    """Headers of an edit that record the names that are read."""

    def __init__(self):
        super().__init__({"content-type": FORM[0]})
        self.names_read = set()

    def get(self, name, *absent):
        self.names_read.add(name)
        return super().get(name, *absent)

    def __contains__(self, name):
        self.names_read.add(name)
        return super().__contains__(name)


def send_get(path, query=None, **options):
    request = proxy_event(method="GET", path=path)
    request["queryStringParameters"] = query
    return send_event(request, **options)


def send_post(path, body, **options):
    return send_event(proxy_event("application/json", body, path=path), **options)


class TestModels:
    def test_models_list_names_capabilities(self):
        response = send_get("/v1/models", {"verbose": "true"})
        models = {model["id"]: model for model in response.json["data"]}
        assert response.json["object"] == "list"
        assert models["local/erase"]["capabilities"]["mask"] == "required"
        assert models["openai/gpt-image-2"]["capabilities"]["max_images"] == 16
        assert models["openai/dall-e-2"]["shutdown_date"] == "2026-05-12"
        assert models["openai/dall-e-2"]["successor"] == "openai/gpt-image-2"
        assert models["openai/gpt-image-2"]["owned_by"] == "openai"


class TestHealth:
    def test_deep_health_checks_providers_with_key(self):
        with Upstream(json_response({})) as upstream:
            upstream.files["/models"] = b"{}"
            env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url, "RETOUCH_BUCKET": "b"}
            response = send_get("/health", {"deep": "1"}, env=env)
        assert response.status == 200
        assert response.json["status"] == "ok"
        checks = response.json["checks"]
        assert (checks.pop("bucket"), checks.pop("openai")) == ("ok", "ok")
        assert checks["azure-openai"] == "not configured"
        assert set(checks.values()) == {"not configured", "not checked"}
        assert upstream.calls == [], "a health check costs nothing"

    def test_deep_health_reports_rejected_key(self):
        with Upstream(json_response({})) as upstream:
            env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url}
            response = send_get("/health", {"deep": "1"}, env=env)
        assert response.status == 503
        assert "OpenAI" in response.json["checks"]["openai"]


class TestUploads:
    def test_upload_request_returns_presigned_post(self):
        body = b'{"content_type": "image/jpeg"}'
        response = send_post("/v1/uploads", body, env={"RETOUCH_BUCKET": "b"})
        assert response.status == 200
        assert response.json["id"].startswith("upload_")
        assert response.json["content_type"] == "image/jpeg"
        assert response.json["max_bytes"] == 50_000_000

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b'{"content_type": "image/svg+xml"}', "invalid_value"),
            (b'{"name": "x"}', "unknown_parameter"),
            (b"[", "invalid_json"),
        ],
    )
    def test_invalid_upload_request_is_rejected(self, body, code):
        response = send_post("/v1/uploads", body, env={"RETOUCH_BUCKET": "b"})
        assert (response.status, response.json["error"]["code"]) == (400, code)

    def test_upload_without_bucket_returns_gateway_not_configured(self):
        assert send_post("/v1/uploads", b"{}").json["error"]["code"] == "gateway_not_configured"

    @pytest.mark.parametrize("form", ["multipart", "json"])
    def test_uploaded_image_is_edited(self, form):
        bucket = InMemoryObjectStore()
        bucket.objects[UPLOAD] = cutout()
        services = build_services({"RETOUCH_BUCKET": "b"}, bucket=bucket)
        if form == "multipart":
            response = post_edit({"prompt": "p", "image": f"upload://{UPLOAD}"}, services=services)
        else:
            body = {"prompt": "p", "images": [{"file_id": UPLOAD}]}
            response = send_post("/v1/images/edits", json.dumps(body).encode(), services=services)
        assert response.status == 200

    def test_missing_upload_returns_upload_not_found(self):
        response = post_edit({"prompt": "p", "image": f"upload://{UPLOAD}"})
        assert response.json["error"]["code"] == "upload_not_found"

    def test_upload_of_another_key_is_missing_and_own_upload_is_edited(self):
        keys = {key_digest(f"rt_{name}", "pepper"): name for name in ("a", "b")}
        bucket = InMemoryObjectStore()
        services = build_services(
            {"RETOUCH_BUCKET": "b", "RETOUCH_AUTH_MODE": "keys"},
            bucket=bucket,
            secrets={"RETOUCH_PEPPER": "pepper"},
            keys=keys,
        )

        def headers(name):
            return {"Authorization": f"Bearer rt_{name}"}

        event = proxy_event("application/json", b"{}", headers("a"), path="/v1/uploads")
        upload_id = send_event(event, services=services).json["id"]
        bucket.objects[upload_id] = cutout()
        fields = {"prompt": "p", "image": f"upload://{upload_id}"}
        assert post_edit(fields, headers=headers("a"), services=services).status == 200
        other = post_edit(fields, headers=headers("b"), services=services)
        nowhere = {"prompt": "p", "image": f"upload://{make_upload_id('x', '1' * 16)}"}
        missing = post_edit(nowhere, headers=headers("b"), services=services)
        assert (other.status, other.json["error"]["code"]) == (404, "upload_not_found")
        assert (missing.status, missing.json) == (other.status, other.json)
        direct = {"prompt": "p", "images": [{"file_id": upload_id}]}
        assert send_event(direct, services=services).status == 200, "IAM may use every upload"

    def test_s3_url_over_http_is_rejected(self):
        bucket = InMemoryObjectStore()
        bucket.objects["b/results/x.png"] = cutout()
        services = build_services({"RETOUCH_BUCKET": "b"}, bucket=bucket)
        response = post_edit({"prompt": "p", "image": "s3://b/results/x.png"}, services=services)
        assert response.status == 400
        assert response.json["error"]["code"] == "unsupported_image_url"


class TestDoctor:
    def test_doctor_returns_size_and_hash_of_images(self):
        data = bytes(range(256)) * 5
        request = form_event({"image": file_part(data)})
        request["resource"] = request["path"] = "/v1/doctor"
        response = send_event(request)
        assert response.json["images"] == [
            {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        ]


class TestPreflight:
    def send_preflight(self, origin, **env):
        request = proxy_event(method="OPTIONS", headers={"Origin": origin})
        return send_event(request, env=env)

    def test_preflight_from_configured_origin_is_allowed(self):
        response = self.send_preflight(
            "https://app.example", RETOUCH_CORS_ORIGINS="https://app.example"
        )
        assert response.status == 204
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        assert "POST" in response.headers["access-control-allow-methods"]
        assert "Authorization" in response.headers["access-control-allow-headers"]

    def test_preflight_allows_every_header_that_is_read(self):
        env = {"RETOUCH_CORS_ORIGINS": "https://app.example"}
        response = self.send_preflight(
            "https://app.example", **env, RETOUCH_FORWARD_HEADERS="X-Customer"
        )
        allowed = set(response.headers["access-control-allow-headers"].lower().split(","))
        options = {name for provider in PROVIDERS for name in provider.portkey_settings}
        assert {"x-portkey-config", "x-portkey-cache-namespace", "x-customer"} <= allowed
        assert {f"x-portkey-{name}" for name in (*KNOWN_HEADERS, *options)} <= allowed
        assert {"x-stainless-os", "x-stainless-retry-count", "x-portkey-runtime"} <= allowed
        headers = RecordingHeaders()
        services = build_services()
        caller = authenticate_caller(headers, services)
        http_request = HttpRequest("/v1/images/edits", headers, FORM[1])
        request = EndpointRequest(http_request, {}, "r", inf, caller)
        assert create_edit(request, services).status == 200
        assert headers.names_read > {"authorization", "content-type", "traceparent"}
        assert headers.names_read <= allowed

    def test_preflight_from_other_origin_is_not_allowed(self):
        response = self.send_preflight(
            "https://evil.example", RETOUCH_CORS_ORIGINS="https://app.example"
        )
        assert "access-control-allow-origin" not in response.headers

    def test_edit_response_has_cors_headers(self):
        response = post_edit(
            {"prompt": "p", "image": file_part(cutout())},
            {"RETOUCH_CORS_ORIGINS": "https://app.example"},
            {"Origin": "https://app.example"},
        )
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        assert "x-retouch-billed" in response.headers["access-control-expose-headers"]


class TestDirect:
    def test_direct_event_is_the_edit_request(self):
        edit_event = {
            "prompt": "p",
            "images": [data_url(photo())],
            "mask": data_url(box_mask()),
            "n": 2,
        }
        response = send_event(edit_event)
        assert response.status == 200
        assert len(response.json["data"]) == 2
        assert response.json["retouch"]["model"] == "local/erase"

    def test_direct_invocation_needs_no_key(self):
        services = build_services({"RETOUCH_AUTH_MODE": "keys"})
        assert (
            send_event({"prompt": "p", "images": [data_url(cutout())]}, services=services).status
            == 200
        )

    def test_direct_invocation_reads_objects_of_own_bucket(self):
        bucket = InMemoryObjectStore()
        bucket.objects["b/uploads/x"] = cutout()
        services = build_services({"RETOUCH_BUCKET": "b"}, bucket=bucket)
        assert (
            send_event({"prompt": "p", "images": ["s3://b/uploads/x"]}, services=services).status
            == 200
        )
        missing = send_event({"prompt": "p", "images": ["s3://other/x"]}, services=services)
        assert missing.json["error"]["code"] == "object_not_found"

    @pytest.mark.parametrize(
        ("edit_event", "code"),
        [
            ({"prompt": ""}, "missing_required_parameter"),
            ({"images": [data_url(photo())]}, "mask_required"),
            (
                {"prompt": "p", "images": [data_url(photo())], "stream": True},
                "unsupported_parameter",
            ),
            ({"prompt": "p", "images": "nonsense"}, "invalid_image_url"),
        ],
    )
    def test_invalid_direct_request_returns_error_envelope(self, edit_event, code):
        response = send_event(edit_event)
        assert response.json["error"]["code"] == code
        assert response.json["retouch"]["billed"] == "no"

    @pytest.mark.parametrize("event", FOREIGN_EVENTS.values(), ids=FOREIGN_EVENTS)
    def test_event_of_another_service_fails_the_invocation(self, event):
        with pytest.raises(UnknownEvent):
            send_event(event)

    def test_direct_result_over_size_limit_is_returned_as_link(self, monkeypatch):
        monkeypatch.setattr("retouch.api.events.direct_invoke.MAX_RESPONSE_BYTES", 1000)
        bucket = InMemoryObjectStore()
        services = build_services({"RETOUCH_BUCKET": "b"}, bucket=bucket)
        image_url = data_url(cutout(256, 256))
        response = send_event({"prompt": "p", "images": [image_url]}, services=services)
        (url,) = bucket.objects
        assert response.json["data"][0]["url"] == url
        assert decode_image(bucket.objects[url]).size == (256, 256)
        assert "too many for this response" in response.json["retouch"]["notes"]


@pytest.mark.parametrize("name", ["mask_grow", "size", "model", "quality", "dry_run"])
def test_parameter_in_the_query_string_of_an_edit_is_refused_by_name(name):
    event = form_event({"model": "local/erase", "image": file_part(photo())})
    event["queryStringParameters"] = {name: "5"}
    response = send_event(event)
    assert (response.status, response.json["error"]["param"]) == (400, name)
    assert "query string" in response.json["error"]["message"]


def test_other_query_parameters_of_an_edit_are_ignored():
    mask = json.dumps({"shapes": [{"type": "box", "x": 2, "y": 2, "width": 9, "height": 9}]})
    fields = {"model": "local/erase", "prompt": "p", "image": file_part(photo()), "mask": mask}
    event = form_event(fields)
    event["queryStringParameters"] = {"api-version": "2026-01-01"}
    assert send_event(event).status == 200
