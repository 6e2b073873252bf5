"""Form fields that name a picture: the same web address as in JSON, letter for letter."""

import pytest

from tests.support.door import knock
from tests.support.events import event, form_event, json_event
from tests.support.house import build_house
from tests.support.mirror import Host
from tests.support.pictures import hole, photo

NAMES = ["caf\u00e9", "\u732b", "a%20b", "\U0001f408"]


@pytest.fixture
def web():
    with Host() as host:
        host.files["/m.png"] = hole()
        yield host


def send(web, request):
    return knock(request, house=build_house({"RETOUCH_FETCH_ALLOW": web.url[7:]}))


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_form_asks_for_what_json_asks_for(web, name):
    image, mask = f"{web.url}/{name}.png", f"{web.url}/m.png"
    bodies = [
        json_event({"prompt": "p", "images": [image], "mask": mask}),
        form_event({"prompt": "p", "image": image, "mask": mask}),
        form_event([("prompt", "p"), ("image[]", image), ("mask", mask)]),
    ]
    for body in bodies:
        send(web, body)
    asked = {r.path for r in web.received} - {"/m.png"}
    assert len(asked) == 1
    (path,) = asked
    assert path.isascii()
    web.files[path] = photo()
    assert [send(web, body).status for body in bodies] == [200] * 3


@pytest.mark.parametrize("field", ["image", "image[]", "mask"])
def test_a_field_that_is_no_utf_8_names_nothing(web, field):
    parts = {"prompt": b"p", field: f"{web.url}/caf\u00e9.png".encode("latin-1")}
    lines = [
        b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), data)
        for name, data in parts.items()
    ]
    body = b"".join([*lines, b"--b--\r\n"])
    answer = send(web, event("multipart/form-data; boundary=b", body))
    error = answer.json["error"]
    assert (answer.status, error["code"], error["param"]) == (400, "invalid_text", field)
    assert web.received == []
