"""Tests of plans. Their author is not trusted, so every invalid plan is rejected with the name of its fault."""

from time import process_time
from typing import Any

import orjson
import pytest
from PIL import Image

from retouch.imaging.operations.program import (
    MAX_TOTAL_MS,
    Step,
    available_operations,
    describe_steps,
    estimate_ms,
    read_steps,
    run_steps,
)
from retouch.imaging.operations.registry import MAX_STEPS, OPERATIONS
from retouch.imaging.operations.values import InvalidSteps

GREYSCALE_STEP = {"op": "greyscale"}


def nested_lists(depth):
    return orjson.loads("[" * depth + "]" * depth)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (None, "at least one step"),
        ({}, "at least one step"),
        ([], "at least one step"),
        ("greyscale", "at least one step"),
        ([GREYSCALE_STEP] * 13, "There are 13 steps; at most 12"),
        ([GREYSCALE_STEP] * 10_000, "There are 10000 steps; at most 12"),
        ([GREYSCALE_STEP, "flip"], "Step 2 must be an object with 'op'"),
        ([{}], "Step 1 must be an object with 'op'"),
        ([{"op": 7}], "Step 1 must be an object with 'op'"),
        ([{"op": ["crop"]}], "Step 1 must be an object with 'op'"),
        ([{"op": "paint"}], "Step 1: 'paint' is no operation; there are crop, "),
        ([{"op": "__class__"}], "is no operation"),
        ([{"op": "x" * 5000}], "is no operation"),
        (
            [{**GREYSCALE_STEP, "file": "/etc/passwd"}],
            "Step 1 \\(greyscale\\): 'file' is not a field of it; it has region",
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
        ([{"op": "blur", "radius": nested_lists(900)}], "'radius' holds lists"),
        ([{"op": "blur", "region": {"left": nested_lists(900)}}], "'region' holds lists"),
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
def test_invalid_plan_raises_plan_error_naming_the_rule(plan, message):
    with pytest.raises(InvalidSteps, match=message) as exc_info:
        read_steps(plan, False)
    assert len(str(exc_info.value)) < 600


def test_missing_fields_get_default_values():
    (step,) = read_steps([{"op": "tint", "color": "red"}], False)
    assert step.values["strength"] == 0.3
    assert str(step.values["region"]) == "the whole picture"


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_every_field_default_is_a_valid_value(operation):
    for name, field in operation.fields.items():
        assert field.spec.rule()
        if field.default is not None:
            field.spec.read(name, field.default)


def test_plan_with_mask_offers_only_in_place_operations():
    all_operations, maskable_operations = available_operations(False), available_operations(True)
    assert [o.name for o in all_operations if o.changes_geometry] == [
        o.name for o in all_operations if o not in maskable_operations
    ]
    with pytest.raises(InvalidSteps, match="cannot be confined to a mask; there are blur, "):
        read_steps([{"op": "crop", "region": {}}], True)


def test_erase_with_mask_needs_no_region():
    read_steps([{"op": "erase"}], True)


def test_plan_of_twelve_steps_runs_in_order():
    plan = [{"op": "crop", "region": {"right": 0.5}}, {"op": "border", "width": "1px"}] * 6
    assert len(plan) == MAX_STEPS
    image = run_steps(Image.new("RGB", (6400, 10)), read_steps(plan, False), None)
    assert image.size[1] == 22
    assert image.size[0] < 110


def test_each_step_receives_result_of_previous_step():
    image = Image.new("RGB", (100, 100))
    image.paste("white", (50, 0, 100, 100))
    plan = [{"op": "crop", "region": {"left": 0.5}}, {"op": "crop", "region": {"right": 0.5}}]
    result = run_steps(image, read_steps(plan, False), None)
    assert result.size == (25, 100)
    assert result.getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize(
    ("plan", "masked", "description"),
    [
        ([{"op": "crop", "region": {"right": 0.5}}, GREYSCALE_STEP], False,
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
def test_plan_is_described_in_words(plan, masked, description):
    assert describe_steps(read_steps(plan, masked), masked) == description


def test_every_operation_has_its_own_description():
    descriptions = {
        name: o.phrase_template.format(**dict.fromkeys(o.fields, 1))
        for name, o in OPERATIONS.items()
    }
    assert len(set(descriptions.values())) == len(OPERATIONS)


LARGEST_IMAGE = Image.new("RGB", (4096, 4096))
ERASE_HALF_STEP = {"op": "erase", "region": {"right": 0.5}}
STRAIGHTEN_STEP = {"op": "straighten", "angle": 1}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_every_operation_alone_is_within_effort_limit_for_largest_image(operation):
    region: dict[str, Any] | None = {} if "region" in operation.fields else None
    values = {"region": OPERATIONS["blur"].fields["region"].spec.read("region", region or {})}
    assert estimate_ms(Step(operation, values), LARGEST_IMAGE.size, None) <= MAX_TOTAL_MS


@pytest.mark.parametrize(
    ("plan", "step"),
    [
        ([ERASE_HALF_STEP] * 3, 3),
        ([STRAIGHTEN_STEP] * 11, 3),
        ([{"op": "crop", "region": {"right": "4095px"}}, *[ERASE_HALF_STEP] * 3], 4),
    ],
)
def test_plan_over_effort_limit_raises_plan_error_before_it_runs(plan, step):
    steps = read_steps(plan, False)
    run_steps(Image.new("RGB", (256, 256), "white"), steps, None)
    started = process_time()
    with pytest.raises(InvalidSteps, match=rf"Step {step} .*too much work for a picture of 409"):
        run_steps(LARGEST_IMAGE, steps, None)
    assert process_time() - started < 4


def test_plan_ends_when_grown_image_exceeds_effort_limit(monkeypatch):
    monkeypatch.setattr("retouch.imaging.operations.program.MAX_TOTAL_MS", 300)
    plan = [{"op": "pad", "shape": "1:20"}, *[{"op": "rotate", "angle": 1}] * 3]
    with pytest.raises(InvalidSteps, match=r"Step 2 \(rotate\): .*picture of 500x10000 pixels"):
        run_steps(Image.new("RGB", (500, 500)), read_steps(plan, False), None)
    run_steps(Image.new("RGB", (500, 500)), read_steps(plan[1:], False), None)


def test_twelve_steps_on_small_regions_are_within_effort_limit():
    corner = {"region": {"right": 0.05, "bottom": 0.05}}
    plan = [{"op": "blur", **corner}] * 9 + [{"op": "erase", **corner}] * 3
    total = sum(estimate_ms(step, LARGEST_IMAGE.size, None) for step in read_steps(plan, False))
    assert total < MAX_TOTAL_MS / 3
    assert (
        12 * estimate_ms(read_steps([GREYSCALE_STEP], False)[0], LARGEST_IMAGE.size, None)
        < MAX_TOTAL_MS
    )


def test_effort_of_erase_grows_with_mask_extent():
    mask = Image.new("L", LARGEST_IMAGE.size)
    mask.paste(255, (0, 0, 100, 100))
    (step,) = read_steps([{"op": "erase"}], True)
    small_effort = estimate_ms(step, LARGEST_IMAGE.size, mask)
    mask.paste(255, (4000, 4000, 4096, 4096))
    assert estimate_ms(step, LARGEST_IMAGE.size, mask) > 20 * small_effort
