"""The mirror through its real handler: the four ways in, what is stored, what is said."""

import hashlib
import json
from urllib.request import urlopen

import pytest

from retouch.admission import digest
from retouch.edges.aws.session import Aws
from retouch.edges.aws.vault import Vault
from retouch.edges.mirror.door import Porter, build
from retouch.errors import Misconfigured
from retouch.links import follow
from retouch.mirror.ways import UnknownEvent
from tests.support.events import context, event
from tests.support.mirror import BUCKET, build_mirror, name_of
from tests.support.pictures import photo

PNG, JPEG, WEBP = (photo(40, 30, kind) for kind in ("PNG", "JPEG", "WEBP"))


@pytest.fixture
def pictures(web):
    web.files.update({"/a.png": PNG, "/b.jpg": JPEG, "/c": WEBP, "/cut.png": PNG[:-20]})
    return web


@pytest.fixture
def mirror(aws, pictures):
    return build_mirror(aws, pictures)


def http(mirror, values, headers=None, seconds=60.0, **more):
    body = values if isinstance(values, bytes) else json.dumps(values).encode()
    request = event("application/json", body, headers, path="/v1/mirror", **more)
    answer = mirror.handler(request, context(seconds))
    return answer["statusCode"], json.loads(bytes(answer["body"]) or b"null"), answer


def direct(mirror, values, seconds=60.0):
    return mirror.handler(values, context(seconds))


class TestHttp:
    def test_three_formats_in_the_order_asked(self, mirror, aws, pictures):
        urls = [pictures.url + path for path in ("/c", "/a.png", "/b.jpg")]
        status, answer, _ = http(mirror, {"urls": urls, "metadata": {"shop": "north"}})
        assert (status, answer["object"]) == (200, "mirror")
        assert [item["source_url"] for item in answer["data"]] == urls
        keys = [name_of(WEBP, "webp"), name_of(PNG), name_of(JPEG, "jpeg")]
        assert [item["key"] for item in answer["data"]] == keys
        assert aws.objects() == dict(zip(keys, (WEBP, PNG, JPEG), strict=True))

    def test_an_item_says_all_there_is(self, mirror, pictures):
        _, answer, _ = http(mirror, {"url": pictures.url + "/b.jpg", "expires_in": 60})
        (item,) = answer["data"]
        link, ends = item.pop("url"), item.pop("expires_at")
        assert 60 - 30 < ends - answer["created"] < 60 + 30, "on a machine that is busy"
        assert item == {
            "status": "stored",
            "source_url": pictures.url + "/b.jpg",
            "key": name_of(JPEG, "jpeg"),
            "bucket": BUCKET,
            "content_type": "image/jpeg",
            "bytes": len(JPEG),
            "sha256": hashlib.sha256(JPEG).hexdigest(),
            "width": 40,
            "height": 30,
            "error": None,
        }
        with urlopen(link) as got:
            assert got.read() == JPEG

    def test_one_bad_url_never_fails_the_others(self, mirror, aws, pictures):
        paths = ["/a.png", "/gone.png", "/cut.png", "/b.jpg"]
        urls = [
            "https://169.254.169.254/latest",
            "not a url",
            *(pictures.url + path for path in paths),
        ]
        status, answer, _ = http(mirror, {"urls": urls})
        told = [(item["status"], (item["error"] or {}).get("code")) for item in answer["data"]]
        assert status == 200
        assert told == [
            ("refused", "ssrf_blocked"),
            ("refused", "invalid_url"),
            ("stored", None),
            ("failed", "fetch_expired"),
            ("refused", "image_truncated"),
            ("stored", None),
        ]
        assert len(aws.objects()) == 2
        assert not any(item["error"]["retryable"] for item in answer["data"] if item["error"])

    def test_why_a_name_is_blocked_is_nobodys_business(self, mirror):
        urls = [
            "https://10.0.0.1/",
            "http://a.example/",
            "https://127.0.0.1/",
            "https://x.internal/",
        ]
        _, answer, _ = http(mirror, {"urls": urls})
        assert len({json.dumps(item["error"]) for item in answer["data"]}) == 1
        assert not {"reason", "transient"} & set(answer["data"][0])

    def test_a_second_time_it_exists(self, mirror, aws, pictures):
        order = {"url": pictures.url + "/a.png", "metadata": {"turn": "one"}}
        assert http(mirror, order)[1]["data"][0]["status"] == "stored"
        again = {**order, "metadata": {"turn": "two"}}
        (item,) = http(mirror, again)[1]["data"]
        assert (item["status"], item["key"]) == ("exists", name_of(PNG))
        assert aws.head(item["key"])["Metadata"]["turn"] == "one"

    def test_duplicates_are_fetched_once(self, mirror, pictures):
        url = pictures.url + "/a.png"
        _, answer, _ = http(mirror, {"urls": [url] * 5})
        assert len(pictures.received) == 1
        assert [item["status"] for item in answer["data"]] == ["stored"] * 5

    def test_same_bytes_under_two_urls_are_one_object(self, mirror, aws, pictures):
        pictures.files["/copy.png"] = PNG
        urls = [pictures.url + "/a.png", pictures.url + "/copy.png"]
        _, answer, _ = http(mirror, {"urls": urls})
        assert sorted(item["status"] for item in answer["data"]) == ["exists", "stored"]
        assert len(aws.objects()) == 1

    def test_the_object_cannot_run_and_says_where_it_is_from(self, mirror, aws, pictures):
        url = pictures.url + "/a.png?signature=secret"
        http(mirror, {"url": url, "prefix": "mirror/shop", "metadata": {"who": "me"}})
        head = aws.head(name_of(PNG, prefix="mirror/shop"))
        assert head["ContentType"] == "image/png"
        assert head["ContentDisposition"] == "inline"
        assert head["CacheControl"] == "private, max-age=31536000, immutable"
        metadata = head["Metadata"]
        assert metadata.pop("mirrored-at").endswith("Z")
        hashed = hashlib.sha256(url.encode()).hexdigest()
        assert metadata == {"who": "me", "source-host": "127.0.0.1", "source-url-sha256": hashed}

    def test_a_page_is_never_stored_whatever_it_is_called(self, mirror, aws, pictures):
        pictures.files["/x.png"] = b"<!doctype html><script>alert(1)</script>"
        pictures.files["/x.svg"] = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
        urls = [pictures.url + "/x.png", pictures.url + "/x.svg"]
        _, answer, _ = http(mirror, {"urls": urls})
        codes = [(item["status"], item["error"]["code"]) for item in answer["data"]]
        assert codes == [("refused", "fetch_unsupported_media")] * 2
        assert aws.objects() == {}

    def test_permanent_links_below_a_cdn(self, aws, pictures):
        base = "https://cdn.example/pictures/"
        mirror = build_mirror(aws, pictures, RETOUCH_PUBLIC_BASE_URL=base)
        (item,) = http(mirror, {"url": pictures.url + "/a.png"})[1]["data"]
        assert (item["url"], item["expires_at"]) == (base + name_of(PNG), None)
        assert aws.head(item["key"])["CacheControl"].startswith("public, ")

    def test_size_limit(self, aws, pictures):
        mirror = build_mirror(aws, pictures, RETOUCH_MIRROR_BYTES=str(len(PNG)))
        pictures.files["/larger.png"] = PNG + b"\0"
        urls = [pictures.url + "/a.png", pictures.url + "/larger.png"]
        (fits, larger) = http(mirror, {"urls": urls})[1]["data"]
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
    def test_bad_requests_in_openais_envelope(self, mirror, body, code, param):
        status, answer, raw = http(mirror, body)
        assert (status, answer["error"]["code"], answer["error"]["param"]) == (400, code, param)
        assert raw["multiValueHeaders"]["x-retouch-billed"] == ["no"]

    def test_too_many_urls(self, mirror):
        status, answer, _ = http(mirror, {"urls": ["https://a.example/"] * 101})
        assert (status, answer["error"]["param"]) == (413, "urls")

    def test_keys_are_asked_for(self, aws, pictures):
        keys = {digest("rt_right", "pepper"): "somebody"}
        mirror = build_mirror(
            aws,
            pictures,
            secrets={"RETOUCH_PEPPER": "pepper"},
            keys=keys,
            RETOUCH_AUTH_MODE="keys",
        )
        order = {"url": pictures.url + "/a.png"}
        assert http(mirror, order)[0] == 401
        assert http(mirror, order, {"Authorization": "Bearer rt_wrong"})[0] == 401
        assert pictures.received == []
        assert http(mirror, order, {"Authorization": "Bearer rt_right"})[0] == 200

    def test_other_methods_and_paths(self, mirror):
        status, answer, raw = http(mirror, b"", method="GET")
        assert (status, answer["error"]["code"]) == (405, "method_not_allowed")
        assert raw["multiValueHeaders"]["Allow"] == ["POST"]
        request = event(path="/v1/mirrors")
        assert mirror.handler(request, context())["statusCode"] == 404

    def test_preflight(self, aws):
        mirror = build_mirror(aws, RETOUCH_CORS_ORIGINS="https://shop.example")
        headers = {"Origin": "https://shop.example"}
        answer = mirror.handler(event("", b"", headers, "OPTIONS", "/v1/mirror"), context())
        assert answer["statusCode"] == 204
        allowed = answer["multiValueHeaders"]["Access-Control-Allow-Origin"]
        assert allowed == ["https://shop.example"]

    def test_without_a_bucket(self, aws):
        mirror = build_mirror(aws, RETOUCH_BUCKET="")
        status, answer, _ = http(mirror, {"url": "https://a.example/"})
        assert (status, answer["error"]["code"]) == (500, "gateway_not_configured")

    def test_no_time_left_is_said_and_may_be_tried_again(self, mirror, pictures):
        _, answer, _ = http(mirror, {"url": pictures.url + "/a.png"}, seconds=1.0)
        error = answer["data"][0]["error"]
        assert (error["code"], error["retryable"]) == ("deadline_exceeded", True)

    def test_logs_and_metrics_name_the_host_and_no_more(self, capsys, aws, pictures):
        mirror = build_mirror(aws, pictures)
        urls = [pictures.url + "/a.png?sig=canary-1", "https://user:canary-2@a.example/canary-3"]
        http(mirror, {"urls": urls})
        out = capsys.readouterr().out
        assert "canary" not in out
        lines = [json.loads(line) for line in out.splitlines()]
        (said,) = [line for line in lines if line.get("operation") == "mirror"]
        assert (said["way"], said["stored"], said["refused"]) == ("http", 1, 1)
        (metrics,) = [line for line in lines if "_aws" in line]
        assert metrics["service"] == "mirror"
        assert (metrics["MirrorObjects"], metrics["MirrorBytes"]) == ([1.0], [len(PNG)])
        assert metrics["MirrorFailures"] == [1.0]


class TestDirect:
    def test_the_order_is_the_event_and_iam_is_enough(self, aws, pictures):
        mirror = build_mirror(aws, pictures, RETOUCH_AUTH_MODE="keys")
        answer = direct(mirror, {"urls": [pictures.url + "/a.png"]})
        assert answer["data"][0]["status"] == "stored"
        assert answer["retouch"] == {"status": 200, "billed": "no"}

    def test_errors_come_back_as_the_envelope(self, mirror):
        answer = direct(mirror, {"url": "https://a.example/", "size": 1})
        assert (answer["error"]["code"], answer["retouch"]["status"]) == ("unknown_parameter", 400)

    def test_a_secret_that_cannot_be_read_is_an_envelope_too(self, aws, pictures):
        mirror = build_mirror(aws, pictures, RETOUCH_SECRET_ID="none-such")
        porter = Porter(
            mirror.settings, Vault(mirror.settings, mirror.clock, Aws()).read, {}.get, None
        )
        answer = build(mirror.desk, porter)({"url": pictures.url + "/a.png"}, context())
        assert (answer["error"]["code"], answer["error"]["type"]) == (
            "gateway_not_configured",
            "server_error",
        )
        assert answer["retouch"]["status"] == 500
        assert aws.objects() == {}

    @pytest.mark.parametrize("unknown", [{}, {"Records": []}, {"hello": 1}, None, [], "text"])
    def test_unknown_shapes_fail_the_invocation(self, mirror, unknown):
        with pytest.raises(UnknownEvent):
            direct(mirror, unknown)


class TestBus:
    def event(self, detail):
        return {"version": "0", "id": "1", "source": "shop", "detail-type": "x", "detail": detail}

    @pytest.mark.parametrize("cloud", [False, True])
    def test_an_order_in_an_event(self, mirror, aws, pictures, cloud):
        order = {"url": pictures.url + "/a.png"}
        detail = {"specversion": "1.0", "id": "1", "data": order} if cloud else order
        assert mirror.handler(self.event(detail), context()) == {"handled": 1}
        assert aws.objects() == {name_of(PNG): PNG}

    def test_what_can_never_be_done_is_put_aside_with_its_reason(self, mirror, aws):
        url = "https://10.0.0.1/x"
        assert mirror.handler(self.event({"url": url}), context()) == {"handled": 1}
        ((body, told),) = aws.letters(aws.dead)
        assert json.loads(body)["urls"] == [url]
        assert told["code"] == "ssrf_blocked"
        assert told["reason"].startswith("The URL cannot be fetched")

    def test_what_is_no_order_too(self, mirror, aws):
        assert mirror.handler(self.event({"link": "x"}), context()) == {"handled": 0}
        ((body, told),) = aws.letters(aws.dead)
        assert (json.loads(body), told["code"]) == ({"link": "x"}, "unknown_parameter")

    def test_what_may_go_better_raises(self, mirror, pictures):
        pictures.status("/x.png", 503)
        with pytest.raises(Exception, match="not done"):
            mirror.handler(self.event({"url": pictures.url + "/x.png"}), context())

    def test_without_a_place_for_dead_letters_it_raises(self, aws):
        mirror = build_mirror(aws, RETOUCH_MIRROR_DEAD_LETTERS="")
        with pytest.raises(Exception, match="not done"):
            mirror.handler(self.event({"url": "https://10.0.0.1/"}), context())

    def test_without_a_bucket_it_raises(self, aws):
        with pytest.raises(Misconfigured):
            build_mirror(aws, RETOUCH_BUCKET="").handler(self.event({"url": "x"}), context())


class TestLastingLinks:
    def test_links_outlive_the_credentials_that_could_sign_them(self, aws, pictures):
        secrets = {"RETOUCH_PEPPER": "pepper"}
        env = {"RETOUCH_BASE_URL": "https://gw.example/prod"}
        mirror = build_mirror(aws, pictures, secrets=secrets, **env)
        for answer in (
            http(mirror, {"url": pictures.url + "/a.png", "expires_in": 604_800})[1],
            direct(mirror, {"url": pictures.url + "/a.png", "expires_in": 604_800}),
        ):
            (item,) = answer["data"]
            assert abs(item["expires_at"] - answer["created"] - 604_800) < 60
            token = item["url"].removeprefix("https://gw.example/prod/v1/files/")
            last_second = item["expires_at"] - 1
            asked = follow(token, "pepper", last_second, lambda key, seconds: (key, seconds))
            assert asked == (name_of(PNG), 1)

    def test_without_a_pepper_the_bucket_signs(self, aws, pictures):
        mirror = build_mirror(aws, pictures, RETOUCH_BASE_URL="https://gw.example")
        (item,) = http(mirror, {"url": pictures.url + "/a.png"})[1]["data"]
        assert urlopen(item["url"]).read() == PNG
