"""Tests of form fields with an image URL. The URL is fetched exactly as in JSON."""

import base64
import json

import pytest

from tests.retouch.imaging.samples import sample_bytes
from tests.support.events import form_event, json_event, proxy_event
from tests.support.gateway_client import file_part, post_edit, send_event
from tests.support.images import b64, box_mask, data_url, photo
from tests.support.mirror import ImageHost
from tests.support.services import build_services
from tests.support.upstream import Upstream, json_response

NAMES = ["caf\u00e9", "\u732b", "a%20b", "\U0001f408"]


@pytest.fixture
def image_host():
    with ImageHost() as host:
        host.files["/m.png"] = box_mask()
        yield host


def send_request(web, request):
    return send_event(request, services=build_services({"RETOUCH_FETCH_ALLOW": web.url[7:]}))


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_image_url_in_form_is_fetched_like_in_json(image_host, name):
    image, mask = f"{image_host.url}/{name}.png", f"{image_host.url}/m.png"
    bodies = [
        json_event({"prompt": "p", "images": [image], "mask": mask}),
        form_event({"prompt": "p", "image": image, "mask": mask}),
        form_event([("prompt", "p"), ("image[]", image), ("mask", mask)]),
    ]
    for body in bodies:
        send_request(image_host, body)
    paths = {r.path for r in image_host.received} - {"/m.png"}
    assert len(paths) == 1
    (path,) = paths
    assert path.isascii()
    image_host.files[path] = photo()
    assert [send_request(image_host, body).status for body in bodies] == [200] * 3


@pytest.mark.parametrize("field", ["image", "image[]", "mask"])
def test_form_field_that_is_not_utf_8_is_rejected(image_host, field):
    parts = {"prompt": b"p", field: f"{image_host.url}/caf\u00e9.png".encode("latin-1")}
    lines = [
        b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), data)
        for name, data in parts.items()
    ]
    body = b"".join([*lines, b"--b--\r\n"])
    response = send_request(image_host, proxy_event("multipart/form-data; boundary=b", body))
    error = response.json["error"]
    assert (response.status, error["code"], error["param"]) == (400, "invalid_text", field)
    assert image_host.received == []


@pytest.mark.parametrize("name", ["image", "image[]", "mask"])
@pytest.mark.parametrize(
    "text", ["photo.png", "/home/me/a b.jpg", "file:///tmp/a.png", "C:\\a.png"]
)
def test_path_in_place_of_a_file_is_named_with_the_remedy(name, text):
    other = {"image": file_part(photo())} if name == "mask" else {}
    response = post_edit({"prompt": "p", "model": "local/erase", **other, name: text})
    error = response.json["error"]
    assert (response.status, error["param"], error["code"]) == (
        400,
        name,
        "unsupported_image_format",
    )
    assert text in error["message"].replace("\\\\", "\\")
    assert f"-F {name}=@photo.png" in error["message"]


@pytest.mark.parametrize("name", ["file", "Image", "picture"])
def test_file_in_an_unknown_field_is_refused_with_the_known_fields(name):
    response = post_edit({"prompt": "p", "model": "local/erase", name: file_part(photo())})
    error = response.json["error"]
    assert (response.status, error["param"], error["code"]) == (400, name, "unknown_parameter")
    assert "'image'" in error["message"]
    assert "'mask'" in error["message"]


@pytest.mark.parametrize("name", ["mask[shapes][][type]", "mask[shapes][0][type]", "mask.shapes"])
def test_member_of_the_mask_object_in_a_form_is_refused_with_the_remedy(name):
    fields = {"prompt": "p", "model": "local/erase", "image": file_part(photo()), name: "circle"}
    error = post_edit(fields).json["error"]
    assert (error["code"], error["param"]) == ("unknown_parameter", "mask")
    for text in (name, "json.dumps(mask)", "JSON.stringify(mask)"):
        assert text in error["message"]


@pytest.mark.parametrize(
    "fields",
    [{"maks": "x"}, {"mask_grwo": "3"}, {"promt": "p"}],
    ids=str,
)
def test_mistyped_name_is_refused_before_a_missing_mask_or_prompt(fields):
    (name,) = fields
    for model in ("local/erase", "openai/gpt-image-2"):
        form = {"model": model, "image": file_part(photo()), **fields}
        error = post_edit(form, {"OPENAI_API_KEY": "sk"}).json["error"]
        assert (error["code"], error["param"]) == ("unknown_parameter", name)


IMAGE_TEXTS = {
    "base64": b64(photo()),
    "base64 with line breaks": base64.encodebytes(photo()).decode(),
    "base64 of a JPEG": b64(photo(format="JPEG")),
    "base64 of a HEIC": b64(sample_bytes("heic", (64, 64))),
    "white space before the URL": f"\n {data_url(photo())}",
    "object": json.dumps({"image_url": data_url(photo()), "file_id": None}),
    "list": json.dumps([{"image_url": data_url(photo())}, None]),
    "list of URLs": json.dumps([data_url(photo())]),
}


@pytest.mark.parametrize("text", IMAGE_TEXTS.values(), ids=IMAGE_TEXTS)
def test_image_as_text_in_a_form_is_read_as_in_json(text):
    shapes = json.dumps({"shapes": [{"type": "box", "x": 4, "y": 4, "width": 9, "height": 9}]})
    fields = {"model": "local/erase", "image": text, "mask": shapes, "dry_run": "true"}
    response = post_edit(fields)
    assert response.status == 200, response.json


@pytest.mark.parametrize("charset", ["ISO-8859-1", "utf-16", "shift_jis"])
def test_text_in_the_charset_that_its_part_states_is_sent_as_utf_8(charset):
    prompt = "\u732b" if charset == "shift_jis" else "caf\u00e9"
    with Upstream(json_response({"data": [{"b64_json": b64(photo())}]})) as upstream:
        fields = {
            "model": "gpt-image-2",
            "image": file_part(photo()),
            "prompt": (None, prompt.encode(charset), f"text/plain; charset={charset}"),
        }
        env = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"}
        assert post_edit(fields, env).status == 200
        assert prompt.encode() in upstream.calls[0].body


@pytest.mark.parametrize("charset", ["ISO-8859-1", "utf-8", "punycode", "x"])
def test_utf_8_text_is_sent_unchanged_whatever_charset_its_part_states(charset):
    with Upstream(json_response({"data": [{"b64_json": b64(photo())}]})) as upstream:
        fields = {
            "model": "gpt-image-2",
            "image": file_part(photo()),
            "prompt": (None, "caf\u00e9".encode(), f"text/plain; charset={charset}"),
        }
        env = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"}
        assert post_edit(fields, env).status == 200
        assert "caf\u00e9".encode() in upstream.calls[0].body


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "punycode", "x"])
def test_text_that_is_not_in_a_known_charset_is_refused(charset):
    part = (None, b"caf\xe9\xff", f"text/plain; charset={charset}")
    response = post_edit({"image": file_part(photo()), "prompt": part})
    assert (response.status, response.json["error"]["code"]) == (400, "invalid_text")
