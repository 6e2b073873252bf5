"""Tests of the mirror through its real handler: its four event sources, the stored objects and the responses."""

import hashlib
import json
from urllib.request import urlopen

import pytest

from retouch.api.events.unknown import UnknownEvent
from retouch.api.handlers.mirror_http import MirrorAuth, build_handler
from retouch.core.errors import GatewayMisconfigured
from retouch.gateway.authentication import key_digest
from retouch.gateway.results.signed_links import resolve_token
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.secrets import SecretStore
from tests.support.events import lambda_context, proxy_event
from tests.support.images import photo
from tests.support.mirror import BUCKET, build_mirror, object_key

PNG, JPEG, WEBP = (photo(40, 30, kind) for kind in ("PNG", "JPEG", "WEBP"))


@pytest.fixture
def image_host(web):
    web.files.update({"/a.png": PNG, "/b.jpg": JPEG, "/c": WEBP, "/cut.png": PNG[:-20]})
    return web


@pytest.fixture
def mirror(aws, image_host):
    return build_mirror(aws, image_host)


def post_request(mirror, values, headers=None, seconds=60.0, **more):
    body = values if isinstance(values, bytes) else json.dumps(values).encode()
    request = proxy_event("application/json", body, headers, path="/v1/mirror", **more)
    response = mirror.handler(request, lambda_context(seconds))
    return response["statusCode"], json.loads(bytes(response["body"]) or b"null"), response


def invoke_directly(mirror, values, seconds=60.0):
    return mirror.handler(values, lambda_context(seconds))


def build_closed_mirror(aws, image_host, *names):
    """Return a mirror that only the gateway keys rt_<name> may use."""
    return build_mirror(
        aws,
        image_host,
        secrets={"RETOUCH_PEPPER": "pepper"},
        keys={key_digest(f"rt_{name}", "pepper"): name for name in names},
        RETOUCH_AUTH_MODE="keys",
    )


class TestHttp:
    def test_three_formats_are_stored_and_listed_in_request_order(self, mirror, aws, image_host):
        urls = [image_host.url + path for path in ("/c", "/a.png", "/b.jpg")]
        status, response, _ = post_request(mirror, {"urls": urls, "metadata": {"shop": "north"}})
        assert (status, response["object"]) == (200, "mirror")
        assert [item["source_url"] for item in response["data"]] == urls
        keys = [object_key(WEBP, "webp"), object_key(PNG), object_key(JPEG, "jpeg")]
        assert [item["key"] for item in response["data"]] == keys
        assert aws.objects() == dict(zip(keys, (WEBP, PNG, JPEG), strict=True))

    def test_stored_item_has_all_result_fields(self, mirror, image_host):
        _, response, _ = post_request(mirror, {"url": image_host.url + "/b.jpg", "expires_in": 60})
        (item,) = response["data"]
        link, expires_at = item.pop("url"), item.pop("expires_at")
        assert 60 - 30 < expires_at - response["created"] < 60 + 30, (
            "the margin allows for a busy machine"
        )
        assert item == {
            "status": "stored",
            "source_url": image_host.url + "/b.jpg",
            "key": object_key(JPEG, "jpeg"),
            "bucket": BUCKET,
            "content_type": "image/jpeg",
            "bytes": len(JPEG),
            "sha256": hashlib.sha256(JPEG).hexdigest(),
            "width": 40,
            "height": 30,
            "error": None,
        }
        with urlopen(link) as opened_url:
            assert opened_url.read() == JPEG

    def test_bad_url_does_not_fail_the_other_urls(self, mirror, aws, image_host):
        paths = ["/a.png", "/gone.png", "/cut.png", "/b.jpg"]
        urls = [
            "https://169.254.169.254/latest",
            "not a url",
            *(image_host.url + path for path in paths),
        ]
        status, response, _ = post_request(mirror, {"urls": urls})
        statuses = [
            (item["status"], (item["error"] or {}).get("code")) for item in response["data"]
        ]
        assert status == 200
        assert statuses == [
            ("refused", "ssrf_blocked"),
            ("refused", "invalid_url"),
            ("stored", None),
            ("failed", "fetch_expired"),
            ("refused", "image_truncated"),
            ("stored", None),
        ]
        assert len(aws.objects()) == 2
        assert not any(item["error"]["retryable"] for item in response["data"] if item["error"])

    def test_blocked_urls_all_have_the_same_error(self, mirror):
        urls = [
            "https://10.0.0.1/",
            "http://a.example/",
            "https://127.0.0.1/",
            "https://x.internal/",
        ]
        _, response, _ = post_request(mirror, {"urls": urls})
        assert len({json.dumps(item["error"]) for item in response["data"]}) == 1
        assert not {"reason", "transient"} & set(response["data"][0])

    def test_image_mirrored_again_has_status_exists(self, mirror, aws, image_host):
        request = {"url": image_host.url + "/a.png", "metadata": {"turn": "one"}}
        assert post_request(mirror, request)[1]["data"][0]["status"] == "stored"
        second_request = {**request, "metadata": {"turn": "two"}}
        (item,) = post_request(mirror, second_request)[1]["data"]
        assert (item["status"], item["key"]) == ("exists", object_key(PNG))
        assert aws.head(item["key"])["Metadata"]["turn"] == "one"

    def test_duplicate_urls_are_fetched_once(self, mirror, image_host):
        url = image_host.url + "/a.png"
        _, response, _ = post_request(mirror, {"urls": [url] * 5})
        assert len(image_host.received) == 1
        assert [item["status"] for item in response["data"]] == ["stored"] * 5

    def test_same_bytes_under_two_urls_store_one_object(self, mirror, aws, image_host):
        image_host.files["/copy.png"] = PNG
        urls = [image_host.url + "/a.png", image_host.url + "/copy.png"]
        _, response, _ = post_request(mirror, {"urls": urls})
        assert sorted(item["status"] for item in response["data"]) == ["exists", "stored"]
        assert len(aws.objects()) == 1

    def test_stored_object_has_safe_headers_and_source_metadata(self, mirror, aws, image_host):
        url = image_host.url + "/a.png?signature=secret"
        post_request(mirror, {"url": url, "prefix": "mirror/shop", "metadata": {"who": "me"}})
        head = aws.head(object_key(PNG, prefix="mirror/shop"))
        assert head["ContentType"] == "image/png"
        assert head["ContentDisposition"] == "inline"
        assert head["CacheControl"] == "private, max-age=31536000, immutable"
        metadata = head["Metadata"]
        assert metadata.pop("mirrored-at").endswith("Z")
        hashed = hashlib.sha256(url.encode()).hexdigest()
        assert metadata == {"who": "me", "source-host": "127.0.0.1", "source-url-sha256": hashed}

    def test_html_or_svg_content_is_not_stored(self, mirror, aws, image_host):
        image_host.files["/x.png"] = b"<!doctype html><script>alert(1)</script>"
        image_host.files["/x.svg"] = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
        urls = [image_host.url + "/x.png", image_host.url + "/x.svg"]
        _, response, _ = post_request(mirror, {"urls": urls})
        codes = [(item["status"], item["error"]["code"]) for item in response["data"]]
        assert codes == [("refused", "fetch_unsupported_media")] * 2
        assert aws.objects() == {}

    def test_public_base_url_gives_permanent_links(self, aws, image_host):
        base = "https://cdn.example/pictures/"
        mirror = build_mirror(aws, image_host, RETOUCH_PUBLIC_BASE_URL=base)
        (item,) = post_request(mirror, {"url": image_host.url + "/a.png"})[1]["data"]
        assert (item["url"], item["expires_at"]) == (base + object_key(PNG), None)
        assert aws.head(item["key"])["CacheControl"].startswith("public, ")

    def test_image_over_size_limit_is_refused(self, aws, image_host):
        mirror = build_mirror(aws, image_host, RETOUCH_MIRROR_BYTES=str(len(PNG)))
        image_host.files["/larger.png"] = PNG + b"\0"
        urls = [image_host.url + "/a.png", image_host.url + "/larger.png"]
        (fits, larger) = post_request(mirror, {"urls": urls})[1]["data"]
        assert fits["status"] == "stored"
        assert (larger["status"], larger["error"]["code"]) == ("refused", "fetch_too_large")

    @pytest.mark.parametrize(
        ("body", "code", "param"),
        [
            (b"[", "invalid_json", None),
            (b"", "invalid_json", None),
            (b'{"url": "https://a.example", "mode": 1}', "unknown_parameter", "mode"),
            (b'{"url": "https://a.example", "answer_to": "x"}', "unknown_parameter", "answer_to"),
        ],
    )
    def test_invalid_body_returns_400_in_openai_error_envelope(self, mirror, body, code, param):
        status, response, raw = post_request(mirror, body)
        assert (status, response["error"]["code"], response["error"]["param"]) == (400, code, param)
        assert raw["multiValueHeaders"]["x-retouch-billed"] == ["no"]

    def test_more_than_100_urls_return_413(self, mirror):
        status, response, _ = post_request(mirror, {"urls": ["https://a.example/"] * 101})
        assert (status, response["error"]["param"]) == (413, "urls")

    def test_keys_mode_requires_valid_gateway_key(self, aws, image_host):
        mirror = build_closed_mirror(aws, image_host, "right")
        request = {"url": image_host.url + "/a.png"}
        assert post_request(mirror, request)[0] == 401
        assert post_request(mirror, request, {"Authorization": "Bearer rt_wrong"})[0] == 401
        assert image_host.received == []
        assert post_request(mirror, request, {"Authorization": "Bearer rt_right"})[0] == 200

    @pytest.mark.parametrize("body", [b"{", b"", b'{"hello": 1}', b"\xff", b"x" * 10_485_761])
    @pytest.mark.parametrize("path", ["/v1/mirror", "/v1/mirrors"])
    def test_unknown_caller_gets_the_same_401_for_every_body(self, aws, image_host, body, path):
        mirror = build_closed_mirror(aws, image_host)
        event = proxy_event("text/plain", body, path=path)
        response = mirror.handler(event, lambda_context())
        expected = mirror.handler(proxy_event(path="/v1/mirror"), lambda_context())
        assert response["statusCode"] == 401
        assert bytes(response["body"]) == bytes(expected["body"])

    def test_objects_of_two_keys_lie_apart_with_their_own_metadata(self, aws, image_host):
        mirror = build_closed_mirror(aws, image_host, "a", "b")

        def mirror_for(owner, prefix="mirror/shop"):
            request = {
                "url": image_host.url + "/a.png",
                "prefix": prefix,
                "metadata": {"owner": owner},
            }
            headers = {"Authorization": f"Bearer rt_{owner}"}
            return post_request(mirror, request, headers)[1]["data"][0]

        items = {owner: mirror_for(owner) for owner in ("a", "b")}
        for owner, item in items.items():
            folder = key_digest(f"rt_{owner}", "pepper")[:32]
            assert item["key"] == object_key(PNG, prefix=f"mirror/{folder}/shop")
            assert item["status"] == "stored"
            assert aws.head(item["key"])["Metadata"]["owner"] == owner
        assert mirror_for("a")["status"] == "exists"
        folder_of_a = items["a"]["key"].split("/")[1]
        assert mirror_for("b", f"mirror/{folder_of_a}/shop")["status"] == "stored"

    def test_url_with_a_gateway_key_is_refused_and_not_fetched(self, aws, image_host):
        key = "rt_" + "K" * 43
        mirror = build_mirror(aws, image_host)
        url = f"{image_host.url}/a.png?token={key}"
        status, response, _ = post_request(mirror, {"urls": [image_host.url + "/a.png", url]})
        assert (status, response["error"]["code"]) == (400, "gateway_key_refused")
        assert response["error"]["param"] == "urls[1]"
        assert image_host.received == []

    def test_other_method_returns_405_and_other_path_404(self, mirror):
        status, response, raw = post_request(mirror, b"", method="GET")
        assert (status, response["error"]["code"]) == (405, "method_not_allowed")
        assert raw["multiValueHeaders"]["Allow"] == ["POST"]
        request = proxy_event(path="/v1/mirrors")
        assert mirror.handler(request, lambda_context())["statusCode"] == 404

    def test_preflight_from_configured_origin_returns_204(self, aws):
        mirror = build_mirror(aws, RETOUCH_CORS_ORIGINS="https://shop.example")
        headers = {"Origin": "https://shop.example"}
        response = mirror.handler(
            proxy_event("", b"", headers, "OPTIONS", "/v1/mirror"), lambda_context()
        )
        assert response["statusCode"] == 204
        allowed = response["multiValueHeaders"]["Access-Control-Allow-Origin"]
        assert allowed == ["https://shop.example"]

    def test_request_without_bucket_returns_500(self, aws):
        mirror = build_mirror(aws, RETOUCH_BUCKET="")
        status, response, _ = post_request(mirror, {"url": "https://a.example/"})
        assert (status, response["error"]["code"]) == (500, "gateway_not_configured")

    def test_request_without_time_left_has_retryable_deadline_error(self, mirror, image_host):
        _, response, _ = post_request(mirror, {"url": image_host.url + "/a.png"}, seconds=1.0)
        error = response["data"][0]["error"]
        assert (error["code"], error["retryable"]) == ("deadline_exceeded", True)

    def test_logs_and_metrics_hold_no_url_secrets(self, capsys, aws, image_host):
        mirror = build_mirror(aws, image_host)
        urls = [image_host.url + "/a.png?sig=canary-1", "https://user:canary-2@a.example/canary-3"]
        post_request(mirror, {"urls": urls})
        out = capsys.readouterr().out
        assert "canary" not in out
        lines = [json.loads(line) for line in out.splitlines()]
        (log_line,) = [line for line in lines if line.get("operation") == "mirror"]
        assert (log_line["way"], log_line["stored"], log_line["refused"]) == ("http", 1, 1)
        (metrics,) = [line for line in lines if "_aws" in line]
        assert metrics["service"] == "mirror"
        assert (metrics["MirrorObjects"], metrics["MirrorBytes"]) == ([1.0], [len(PNG)])
        assert metrics["MirrorFailures"] == [1.0]


class TestDirect:
    def test_direct_event_is_the_request_and_needs_no_key(self, aws, image_host):
        mirror = build_mirror(aws, image_host, RETOUCH_AUTH_MODE="keys")
        response = invoke_directly(mirror, {"urls": [image_host.url + "/a.png"]})
        assert response["data"][0]["status"] == "stored"
        assert response["retouch"] == {"status": 200, "billed": "no"}

    def test_invalid_direct_request_returns_error_envelope(self, mirror):
        response = invoke_directly(mirror, {"url": "https://a.example/", "size": 1})
        assert (response["error"]["code"], response["retouch"]["status"]) == (
            "unknown_parameter",
            400,
        )

    def test_unreadable_secret_returns_error_envelope(self, aws, image_host):
        mirror = build_mirror(aws, image_host, RETOUCH_SECRET_ID="none-such")
        auth = MirrorAuth(
            mirror.settings,
            SecretStore(mirror.settings, mirror.clock, AwsClients()).read,
            lambda _: None,
            lambda: None,
        )
        response = build_handler(mirror.consumer, auth)(
            {"url": image_host.url + "/a.png"}, lambda_context()
        )
        assert (response["error"]["code"], response["error"]["type"]) == (
            "gateway_not_configured",
            "server_error",
        )
        assert response["retouch"]["status"] == 500
        assert aws.objects() == {}

    @pytest.mark.parametrize("unknown", [{}, {"Records": []}, {"hello": 1}, None, [], "text"])
    def test_unknown_event_shape_raises_unknown_event(self, mirror, unknown):
        with pytest.raises(UnknownEvent):
            invoke_directly(mirror, unknown)


class TestBus:
    def build_event(self, detail):
        return {"version": "0", "id": "1", "source": "shop", "detail-type": "x", "detail": detail}

    @pytest.mark.parametrize("cloud", [False, True])
    def test_bus_event_with_request_stores_image(self, mirror, aws, image_host, cloud):
        request = {"url": image_host.url + "/a.png"}
        detail = {"specversion": "1.0", "id": "1", "data": request} if cloud else request
        assert mirror.handler(self.build_event(detail), lambda_context()) == {"handled": 1}
        assert aws.objects() == {object_key(PNG): PNG}

    def test_permanent_failure_is_dead_lettered_with_reason(self, mirror, aws):
        url = "https://10.0.0.1/x"
        assert mirror.handler(self.build_event({"url": url}), lambda_context()) == {"handled": 1}
        ((body, attributes),) = aws.take_messages(aws.dead)
        assert json.loads(body)["urls"] == [url]
        assert attributes["code"] == "ssrf_blocked"
        assert attributes["reason"].startswith("The URL cannot be fetched")

    def test_invalid_bus_request_is_dead_lettered(self, mirror, aws):
        assert mirror.handler(self.build_event({"link": "x"}), lambda_context()) == {"handled": 0}
        ((body, attributes),) = aws.take_messages(aws.dead)
        assert (json.loads(body), attributes["code"]) == ({"link": "x"}, "unknown_parameter")

    def test_retryable_failure_raises_so_lambda_retries(self, mirror, image_host):
        image_host.set_status("/x.png", 503)
        with pytest.raises(Exception, match="not done"):
            mirror.handler(self.build_event({"url": image_host.url + "/x.png"}), lambda_context())

    def test_permanent_failure_raises_without_dead_letter_queue(self, aws):
        mirror = build_mirror(aws, RETOUCH_MIRROR_DEAD_LETTERS="")
        with pytest.raises(Exception, match="not done"):
            mirror.handler(self.build_event({"url": "https://10.0.0.1/"}), lambda_context())

    def test_bus_event_without_bucket_raises_misconfigured(self, aws):
        with pytest.raises(GatewayMisconfigured):
            build_mirror(aws, RETOUCH_BUCKET="").handler(
                self.build_event({"url": "x"}), lambda_context()
            )


class TestSignedLinks:
    def test_gateway_link_is_valid_longer_than_presigned_url(self, aws, image_host):
        secrets = {"RETOUCH_PEPPER": "pepper"}
        env = {"RETOUCH_BASE_URL": "https://gw.example/prod"}
        mirror = build_mirror(aws, image_host, secrets=secrets, **env)
        for response in (
            post_request(mirror, {"url": image_host.url + "/a.png", "expires_in": 604_800})[1],
            invoke_directly(mirror, {"url": image_host.url + "/a.png", "expires_in": 604_800}),
        ):
            (item,) = response["data"]
            assert abs(item["expires_at"] - response["created"] - 604_800) < 60
            token = item["url"].removeprefix("https://gw.example/prod/v1/files/")
            last_second = item["expires_at"] - 1
            presign_arguments = resolve_token(
                token, "pepper", last_second, lambda key, seconds: f"{key} for {seconds}"
            )
            assert presign_arguments == f"{object_key(PNG)} for 1"

    def test_link_is_presigned_by_bucket_without_pepper(self, aws, image_host):
        mirror = build_mirror(aws, image_host, RETOUCH_BASE_URL="https://gw.example")
        (item,) = post_request(mirror, {"url": image_host.url + "/a.png"})[1]["data"]
        assert urlopen(item["url"]).read() == PNG

    def test_mirror_and_its_links_work_behind_a_base_path(self, aws, image_host):
        mirror = build_mirror(aws, image_host, secrets={"RETOUCH_PEPPER": "pepper"})
        body = json.dumps({"url": image_host.url + "/a.png"}).encode()
        request = proxy_event("application/json", body, path="/img/v1/mirror")
        request["resource"] = "/v1/mirror"
        context = {"path": request["path"], "domainName": "api.shop.example"}
        request["requestContext"] |= context
        response = mirror.handler(request, lambda_context(60.0))
        (item,) = json.loads(bytes(response["body"]))["data"]
        assert item["url"].startswith("https://api.shop.example/img/v1/files/")
