"""dry_run=true: everything but the call."""

import json

from tests.support.door import edit, png
from tests.support.pictures import hole, photo

BASE = {"model": "gpt-image-2", "prompt": "p", "image": png(photo(100, 80)), "dry_run": "true"}


def test_the_plan_is_told_and_nothing_is_sent(upstream, env):
    answer = edit({**BASE, "mask": png(hole(100, 80)), "n": "2", "quality": "low"}, env)
    assert answer.status == 200
    assert upstream.received == []
    assert answer.headers["x-retouch-billed"] == "no"
    plan = answer.json
    assert plan["object"] == "image.edit.plan"
    assert plan["model"] == "openai/gpt-image-2"
    assert plan["billed"] is False
    assert plan["cost_usd"] == 0.106
    (call,) = plan["calls"]
    assert call["n"] == 2
    assert call["parameters"] == {"quality": "low"}
    assert call["images"] == [
        {"format": "png", "width": 100, "height": 80, "bytes": len(photo(100, 80))}
    ]
    assert (call["mask"]["width"], call["mask"]["height"]) == (100, 80)
    assert 0 < call["mask"]["coverage"] < 1
    assert plan["answer"]["preserve"] is True


def test_no_key_is_needed():
    assert edit(BASE, {}).status == 200
    assert edit({**BASE, "dry_run": "false"}, {}).status == 401


def test_what_would_be_refused_is_refused(upstream, env):
    answer = edit({**BASE, "size": "1x1"}, env)
    assert (answer.status, answer.json["error"]["param"]) == (400, "size")


def test_padding_shows_in_the_plan(env):
    plan = edit({**BASE, "fit": "pad"}, env).json
    assert plan["calls"][0]["parameters"]["size"] == "912x736"
    assert plan["answer"]["size"] == [100, 80]
    assert any(note.startswith("image: padded") for note in plan["notes"])
    json.dumps(plan)
