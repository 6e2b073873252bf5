"""Tests of dry_run=true, which does everything except the provider call."""

import json

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
