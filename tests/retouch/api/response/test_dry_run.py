"""Tests of dry_run=true, which does everything except the provider call."""

import json

import pytest

from tests.support.gateway_client import file_part, post_edit
from tests.support.images import box_mask, photo

BASE = {
    "model": "gpt-image-2",
    "prompt": "p",
    "image": file_part(photo(100, 80)),
    "dry_run": "true",
}


def test_dry_run_returns_plan_and_sends_nothing(upstream, env):
    response = post_edit(
        {**BASE, "mask": file_part(box_mask(100, 80)), "n": "2", "quality": "low"}, env
    )
    assert response.status == 200
    assert upstream.received == []
    assert response.headers["x-retouch-billed"] == "no"
    plan = response.json
    assert plan["object"] == "image.edit.plan"
    assert plan["model"] == "openai/gpt-image-2"
    assert plan["billed"] is False
    assert plan["cost_usd"] == 0.012
    (call,) = plan["calls"]
    assert call["n"] == 2
    assert call["parameters"] == {"quality": "low", "size": "960x768"}
    assert call["images"] == [
        {"format": "png", "width": 100, "height": 80, "bytes": len(photo(100, 80))}
    ]
    assert (call["mask"]["width"], call["mask"]["height"]) == (100, 80)
    assert 0 < call["mask"]["coverage"] < 1
    assert plan["answer"]["preserve"] is True


def test_dry_run_needs_no_provider_key():
    assert post_edit(BASE, {}).status == 200
    assert post_edit({**BASE, "dry_run": "false"}, {}).status == 401


def test_dry_run_of_invalid_edit_is_rejected(upstream, env):
    response = post_edit({**BASE, "size": "1x1"}, env)
    assert (response.status, response.json["error"]["param"]) == (400, "size")


def test_dry_run_plan_shows_padding(env):
    plan = post_edit({**BASE, "fit": "pad"}, env).json
    assert plan["calls"][0]["parameters"]["size"] == "912x736"
    assert plan["answer"]["size"] == [100, 80]
    assert (
        "image: scaled and padded to 912x736, the result cropped and scaled back" in plan["notes"]
    )
    json.dumps(plan)


LOCAL = {**BASE, "model": "local/erase", "mask": file_part(box_mask(100, 80))}


@pytest.mark.parametrize(
    ("fields", "size", "output_format", "preserve"),
    [
        ({}, [100, 80], "png", True),
        ({"output_format": "webp"}, [100, 80], "webp", True),
        ({"output_format": "jpeg"}, [100, 80], "jpeg", False),  # it is lossy
        ({"size": "50x40"}, [50, 40], "png", False),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_dry_run_of_the_embedded_editor_describes_its_result(fields, size, output_format, preserve):
    plan = post_edit({**LOCAL, **fields}, {}).json
    answer = plan["answer"]
    assert (answer["size"], answer["output_format"]) == (size, output_format)
    assert answer["preserve"] is preserve
    assert plan["cost_usd"] == 0
    edit = post_edit({**LOCAL, **fields, "dry_run": "false"}, {})
    assert (edit.json["size"], edit.json["output_format"]) == (
        "x".join(map(str, size)),
        output_format,
    )
    assert ("x-retouch-preserved-pixels" in edit.headers) is preserve


def test_dry_run_leaves_open_what_the_provider_decides(env):
    plan = post_edit(BASE, env).json
    assert plan["answer"]["size"] is None
    assert plan["answer"]["output_format"] is None
    assert plan["cost_usd"] > 0


def test_dry_run_shows_the_size_that_the_provider_is_asked_for(env):
    plan = post_edit({**BASE, "size": "1024x1024", "output_format": "webp"}, env).json
    assert plan["answer"]["size"] == [1024, 1024]
    assert plan["answer"]["output_format"] == "webp"
