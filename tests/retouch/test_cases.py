"""Every hostile event and field mapping through the real handler, with a provider that counts."""

import base64

import pytest

from tests.cases.multipart import body_bytes, cases, ours
from tests.support.door import knock
from tests.support.events import event
from tests.support.pictures import b64, photo
from tests.support.upstream import Upstream, as_json

CASES = cases("event", "fields")
# What is wrong with a request that was read well is no concern of these cases.
READ_WELL = {
    "missing_required_parameter",
    "unknown_parameter",
    "empty_image_file",
    "mask_full",
}


@pytest.fixture
def upstream():
    with Upstream(as_json({"data": [{"b64_json": b64(photo())}]})) as server:
        yield server


def settings(upstream):
    return {
        "RETOUCH_DEFAULT_MODEL": "azure-openai/m",
        "AZURE_OPENAI_API_KEY": "k",
        "AZURE_OPENAI_ENDPOINT": upstream.url,
    }


def request_of(case):
    if "event" in case:
        return case["event"]
    # The bodies name a model "m": a provider whose deployments may have any name takes it.
    headers = {"x-portkey-provider": "azure-openai"}
    return event(case["content_type"], body_bytes(case["body"]), headers)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_verdict(case, upstream):
    answer = knock(request_of(case), settings(upstream))
    if answer.status == 200:
        assert case["expect"] != "error"
        check_facts(case.get("normalised", {}), upstream.calls[0])
        return
    error = answer.json["error"]
    assert 400 <= answer.status < 500, error
    assert upstream.calls == []
    if case["expect"] != "error" and error["code"] in READ_WELL:
        return
    assert case["expect"] != "parse", error
    assert error["code"] in ours(case["errors_any_of"]), error
    assert error["param"] == case.get("param", error["param"])
    assert answer.status in case.get("status", [answer.status])
    mentioned = case.get("message_should_mention", [""])
    assert any(word.lower() in error["message"].lower() for word in mentioned)


def check_facts(facts, call):
    images = [part for part in call.files if part[0].startswith("image")]
    assert len(images) == facts.get("images", len(images))
    assert [mime for _, _, mime, _ in images] == facts.get("sniffed", [m for _, _, m, _ in images])
    assert (len(call.files) > len(images)) == facts.get("mask", len(call.files) > len(images))
    for name in facts.keys() & {"n", "size", "prompt"}:
        assert call.fields[name] == str(facts[name])


def test_order_of_images_is_kept(upstream):
    (case,) = [c for c in CASES if c["id"] == "mp-130"]
    knock(request_of(case), settings(upstream))
    body = body_bytes(case["body"])
    places = [body.index(data) for *_, data in upstream.calls[0].files]
    assert places == sorted(places)


def test_base64_is_decoded_strictly(upstream):
    broken = event("multipart/form-data; boundary=x", b"--x\r\n")
    broken["body"] = base64.b64encode(b"--x--").decode() + "!"
    assert knock(broken, {}).json["error"]["code"] == "invalid_base64"
