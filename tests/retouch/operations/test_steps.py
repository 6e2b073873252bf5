"""Plans are written by somebody who is not trusted: what is not exactly right is refused, by name."""

from time import process_time

import orjson
import pytest
from PIL import Image

from retouch.operations.registry import MOST_STEPS, OPERATIONS
from retouch.operations.steps import (
    MOST_EFFORT,
    Step,
    effort,
    in_words,
    offered,
    read_steps,
    run,
)
from retouch.operations.values import PlanError

GREY = {"op": "greyscale"}


def nested(depth):
    return orjson.loads("[" * depth + "]" * depth)


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (None, "at least one step"),
        ({}, "at least one step"),
        ([], "at least one step"),
        ("greyscale", "at least one step"),
        ([GREY] * 13, "There are 13 steps; at most 12"),
        ([GREY] * 10_000, "There are 10000 steps; at most 12"),
        ([GREY, "flip"], "Step 2 must be an object with 'op'"),
        ([{}], "Step 1 must be an object with 'op'"),
        ([{"op": 7}], "Step 1 must be an object with 'op'"),
        ([{"op": ["crop"]}], "Step 1 must be an object with 'op'"),
        ([{"op": "paint"}], "Step 1: 'paint' is no operation; there are crop, "),
        ([{"op": "__class__"}], "is no operation"),
        ([{"op": "x" * 5000}], "is no operation"),
        (
            [{**GREY, "file": "/etc/passwd"}],
            "Step 1 \\(greyscale\\): 'file' is no field of it; it has region",
        ),
        ([{"op": "flip"}], "it needs 'axis': one of left-right, top-bottom"),
        ([{"op": "flip", "axis": None}], "it needs 'axis'"),
        ([{"op": "flip", "axis": "diagonal"}], "Invalid value 'diagonal' for 'axis'"),
        ([{"op": "brightness", "factor": "2"}], "a number from 0 to 4"),
        ([{"op": "brightness", "factor": True}], "a number from 0 to 4"),
        ([{"op": "brightness", "factor": -0.1}], "a number from 0 to 4"),
        ([{"op": "brightness", "factor": 1e300}], "a number from 0 to 4"),
        ([{"op": "brightness", "factor": 10**40}], "a number from 0 to 4"),
        ([{"op": "brightness", "factor": float("nan")}], "a number from 0 to 4"),
        ([{"op": "brightness", "factor": float("inf")}], "a number from 0 to 4"),
        ([{"op": "rotate", "angle": 361}], "a number from -360 to 360"),
        ([{"op": "blur", "radius": 2}], "a fraction from 0 to 1"),
        ([{"op": "blur", "radius": float("nan")}], "a fraction from 0 to 1"),
        ([{"op": "blur", "radius": True}], "a fraction from 0 to 1"),
        ([{"op": "blur", "radius": "5"}], "a fraction from 0 to 1"),
        ([{"op": "blur", "radius": "-5px"}], "a fraction from 0 to 1"),
        ([{"op": "blur", "radius": "999999px"}], "a fraction from 0 to 1"),
        ([{"op": "blur", "radius": "\u0665px"}], "a fraction from 0 to 1"),
        ([{"op": "blur", "region": "left"}], "any of left, top, right and bottom"),
        ([{"op": "blur", "region": {"x": 0}}], "any of left, top, right and bottom"),
        ([{"op": "blur", "region": {"left": 1.5}}], "Invalid value '1.5' for 'region.left'"),
        (
            [{"op": "blur", "region": {"left": {"left": 0}}}],
            "'region' holds lists or objects within",
        ),
        ([{"op": "blur", "radius": nested(900)}], "'radius' holds lists"),
        ([{"op": "blur", "region": {"left": nested(900)}}], "'region' holds lists"),
        ([{"op": "tint", "color": "rgb(1,2,3)"}], "#rrggbb or a CSS colour name"),
        ([{"op": "tint", "color": "#1234567"}], "#rrggbb or a CSS colour name"),
        ([{"op": "tint", "color": "#12"}], "#rrggbb or a CSS colour name"),
        ([{"op": "tint", "color": "transparent"}], "#rrggbb or a CSS colour name"),
        ([{"op": "tint", "color": {"a": 1}}], "#rrggbb or a CSS colour name"),
        ([{"op": "resize", "to": "x"}], "a percentage"),
        ([{"op": "resize", "to": "0x10"}], "a percentage"),
        ([{"op": "resize", "to": "1000%"}], "a percentage"),
        ([{"op": "resize", "to": 50}], "a percentage"),
        ([{"op": "pad", "shape": "0:1"}], "WIDTH:HEIGHT"),
        ([{"op": "pad", "shape": "1e9:1"}], "WIDTH:HEIGHT"),
        ([{"op": "erase"}], "it needs 'region'"),
        ([{"op": "erase", "region": {"right": 0.1}}] * 4, "There are 4 erase steps; at most 3"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_name(plan, says):
    with pytest.raises(PlanError, match=says) as caught:
        read_steps(plan, False)
    assert len(str(caught.value)) < 600


def test_defaults_are_filled_in():
    (step,) = read_steps([{"op": "tint", "color": "red"}], False)
    assert step.values["strength"] == 0.3
    assert str(step.values["region"]) == "the whole picture"


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_every_default_is_a_value_that_might_be_sent(operation):
    for name, field in operation.fields.items():
        assert field.spec.rule()
        if field.default is not None:
            field.spec.read(name, field.default)


def test_with_a_mask_there_is_less_to_choose_from():
    everything, masked = offered(False), offered(True)
    assert [o.name for o in everything if o.moves] == [
        o.name for o in everything if o not in masked
    ]
    with pytest.raises(PlanError, match="cannot be confined to a mask; there are blur, "):
        read_steps([{"op": "crop", "region": {}}], True)


def test_with_a_mask_nothing_needs_a_region():
    read_steps([{"op": "erase"}], True)


def test_twelve_steps_are_done_in_order():
    plan = [{"op": "crop", "region": {"right": 0.5}}, {"op": "border", "width": "1px"}] * 6
    assert len(plan) == MOST_STEPS
    image = run(Image.new("RGB", (6400, 10)), read_steps(plan, False), None)
    assert image.size[1] == 22
    assert image.size[0] < 110


def test_each_step_works_on_the_result_of_the_one_before():
    image = Image.new("RGB", (100, 100))
    image.paste("white", (50, 0, 100, 100))
    plan = [{"op": "crop", "region": {"left": 0.5}}, {"op": "crop", "region": {"right": 0.5}}]
    done = run(image, read_steps(plan, False), None)
    assert done.size == (25, 100)
    assert done.getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize(
    ("plan", "masked", "words"),
    [
        ([{"op": "crop", "region": {"right": 0.5}}, GREY], False,
         "crop to the left half, then make the whole picture greyscale"),
        ([{"op": "rotate", "angle": -12.5}], False, "rotate by -12.5 degrees clockwise"),
        ([{"op": "blur", "region": {"left": 0.125, "bottom": "40px"}}], False,
         "blur the area from 12.5% to 100% across and 0% to 40 px down"),
        ([{"op": "resize", "to": "800x"}, {"op": "resize", "to": "50%"}, {"op": "resize", "to": "3x4"}], False,
         "resize to 800 px across, then resize to 50%, then resize to 3x4 px"),
        ([{"op": "brightness", "factor": 1.5, "region": {"top": 0.5}}], True,
         "brightness of the marked area times 1.5"),
        ([{"op": "text", "text": "{color} 100%"}], False,
         'write "{color} 100%" at the bottom of the whole picture'),
        ([{"op": "border"}], False, "add a black border of 3%"),
    ],
)  # fmt: skip
def test_a_plan_says_itself(plan, masked, words):
    assert in_words(read_steps(plan, masked), masked) == words


def test_every_operation_says_itself():
    words = {name: o.says.format(**dict.fromkeys(o.fields, 1)) for name, o in OPERATIONS.items()}
    assert len(set(words.values())) == len(OPERATIONS)


LARGE = Image.new("RGB", (4096, 4096))
HALF = {"op": "erase", "region": {"right": 0.5}}
TILT = {"op": "straighten", "angle": 1}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_one_step_of_anything_is_possible_for_the_largest_picture(operation):
    region = {} if "region" in operation.fields else None
    values = {"region": OPERATIONS["blur"].fields["region"].spec.read("region", region or {})}
    assert effort(Step(operation, values), LARGE.size, None) <= MOST_EFFORT


@pytest.mark.parametrize(
    ("plan", "step"),
    [
        ([HALF] * 3, 3),
        ([TILT] * 11, 3),
        ([{"op": "crop", "region": {"right": "4095px"}}, *[HALF] * 3], 4),
    ],
)
def test_a_plan_that_is_too_much_work_is_not_begun(plan, step):
    steps = read_steps(plan, False)
    run(Image.new("RGB", (256, 256), "white"), steps, None)
    began = process_time()
    with pytest.raises(PlanError, match=rf"Step {step} .*too much work for a picture of 409"):
        run(LARGE, steps, None)
    assert process_time() - began < 4


def test_growth_that_was_not_foreseen_ends_a_plan_too(monkeypatch):
    monkeypatch.setattr("retouch.operations.steps.MOST_EFFORT", 300)
    plan = [{"op": "pad", "shape": "1:20"}, *[{"op": "rotate", "angle": 1}] * 3]
    with pytest.raises(PlanError, match=r"Step 2 \(rotate\): .*picture of 500x10000 pixels"):
        run(Image.new("RGB", (500, 500)), read_steps(plan, False), None)
    run(Image.new("RGB", (500, 500)), read_steps(plan[1:], False), None)


def test_a_dozen_quick_steps_and_small_places_are_no_trouble():
    corner = {"region": {"right": 0.05, "bottom": 0.05}}
    dozen = [{"op": "blur", **corner}] * 9 + [{"op": "erase", **corner}] * 3
    total = sum(effort(step, LARGE.size, None) for step in read_steps(dozen, False))
    assert total < MOST_EFFORT / 3
    assert 12 * effort(read_steps([GREY], False)[0], LARGE.size, None) < MOST_EFFORT


def test_a_mask_is_work_as_far_as_it_reaches():
    mask = Image.new("L", LARGE.size)
    mask.paste(255, (0, 0, 100, 100))
    (step,) = read_steps([{"op": "erase"}], True)
    little = effort(step, LARGE.size, mask)
    mask.paste(255, (4000, 4000, 4096, 4096))
    assert effort(step, LARGE.size, mask) > 20 * little
