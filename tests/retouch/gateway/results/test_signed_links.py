"""Tests of signed gateway links: they work until their expiry date, independently of the presigned URL."""

import pytest

from retouch.core.errors import Gone, NotFound
from retouch.gateway.results.signed_links import (
    find_object_key,
    link_builder,
    resolve_token,
    signed_token,
)
from tests.support.events import proxy_event
from tests.support.gateway_client import file_part, post_edit, send_event
from tests.support.images import box_mask, photo
from tests.support.services import InMemoryObjectStore, build_services

PEPPER, KEY, NOW = "pepper", "results/abc.png", 1_000


def sign_url(key, seconds):
    return f"https://bucket.example/{key}?for={seconds}"


def test_link_without_base_url_or_pepper_is_presigned():
    assert link_builder("", PEPPER, NOW + 60, NOW, sign_url)(KEY) == sign_url(KEY, 60)
    assert link_builder("https://gw.example", "", NOW + 60, NOW, sign_url)(KEY) == sign_url(KEY, 60)


@pytest.mark.parametrize("key", ["results/abc.png", "kept/3/abc.png", "kept/33/abc.webp"])
@pytest.mark.parametrize("base_url", ["", "https://gw.example/prod"])
def test_object_behind_a_link_is_found(key, base_url):
    link = link_builder(base_url, PEPPER, NOW + 60, NOW, sign_url)(key)
    assert find_object_key(link) == key


@pytest.mark.parametrize("path", ["orders/a/answer", "files/a", "kept/abc.png", "x/y.png", ""])
def test_link_to_another_object_leads_to_none(path):
    assert find_object_key(sign_url(path, 60)) == ""


def test_signed_link_resolves_until_its_expiry():
    link = link_builder("https://gw.example/prod", PEPPER, NOW + 86_400, NOW, sign_url)(KEY)
    assert link.startswith("https://gw.example/prod/v1/files/")
    assert link.endswith(".png")
    link_token = link.rpartition("/")[2]
    assert resolve_token(link_token, PEPPER, NOW, sign_url) == sign_url(KEY, 300)
    assert resolve_token(link_token, PEPPER, NOW + 86_399, sign_url) == sign_url(KEY, 1)
    with pytest.raises(Gone):
        resolve_token(link_token, PEPPER, NOW + 86_400, sign_url)


@pytest.mark.parametrize(
    "invalid_token",
    [
        "",
        "x",
        signed_token(KEY, NOW + 60, "another pepper"),
        signed_token("results/other.png", NOW + 60, PEPPER).partition(".")[0]
        + "."
        + signed_token(KEY, NOW + 60, PEPPER).partition(".")[2],
        signed_token(KEY, NOW + 60, PEPPER).replace(".", "", 1),
        "\u00e9",
        "\u00e9.\u00e9.png",
        "x.\ud800",
        signed_token(KEY, NOW + 60, PEPPER).replace(".png", "\u00e9.png"),
        signed_token(KEY, NOW + 60, PEPPER).replace(".", ".\u00e9", 1),
    ],
    ids=ascii,
)
def test_forged_link_token_raises_not_found(invalid_token):
    with pytest.raises(NotFound):
        resolve_token(invalid_token, PEPPER, NOW, sign_url)


def test_link_token_without_pepper_raises_not_found():
    with pytest.raises(NotFound):
        resolve_token(signed_token(KEY, NOW + 60, ""), "", NOW, sign_url)


def test_signed_link_in_response_redirects_to_stored_image():
    bucket = InMemoryObjectStore()
    services = build_services(
        {"RETOUCH_BUCKET": "b"}, bucket=bucket, secrets={"RETOUCH_PEPPER": PEPPER}
    )
    fields = {
        "prompt": "p",
        "image": file_part(photo()),
        "mask": file_part(box_mask()),
        "response_format": "url",
    }
    presigned = post_edit(fields, services=services)
    assert presigned.json["data"][0]["url"].startswith("https://results.example/")

    services = build_services(
        {"RETOUCH_BUCKET": "b", "RETOUCH_BASE_URL": "https://gw.example/prod/"},
        bucket=bucket,
        secrets={"RETOUCH_PEPPER": PEPPER},
    )
    response = post_edit(fields, services=services)
    url = response.json["data"][0]["url"]
    assert url.startswith("https://gw.example/prod/v1/files/")
    assert "GMT" in response.headers["x-retouch-url-expires"]
    path = url.removeprefix("https://gw.example/prod")
    followed = send_event(proxy_event(method="GET", path=path), services=services)
    assert followed.status == 302
    assert followed.headers["location"] in bucket.objects
    for forged_separator in ("x.", ".\u00e9"):
        forged = send_event(
            proxy_event(method="GET", path=path.replace(".", forged_separator, 1)),
            services=services,
        )
        assert (forged.status, forged.json["error"]["code"]) == (404, "not_found")
