"""Tests of operations that move no pixels: exact inside a region or mask, and unchanged outside."""

from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from retouch.core.errors import InvalidRequest
from retouch.imaging.operations.program import read_steps, run_steps
from retouch.imaging.operations.registry import OPERATIONS, REGION_FIELD
from retouch.imaging.operations.values import InvalidSteps
from tests.support.images import max_value

REQUIRED_FIELDS: dict[str, dict[str, Any]] = {
    "brightness": {"factor": 0.3},
    "contrast": {"factor": 3},
    "saturation": {"factor": 3},
    "sharpness": {"factor": 4},
    "tint": {"color": "#ff00ff", "strength": 1},
    "pixelate": {"block": "4px"},
    "text": {"text": "I", "size": 0.9, "position": "centre"},
    "background": {"color": "blue"},
    "erase": {"region": {"left": "8px", "top": "4px", "right": "24px", "bottom": "16px"}},
}
IN_PLACE_OPERATIONS = sorted(
    name for name, operation in OPERATIONS.items() if not operation.changes_geometry
)
REGIONAL_OPERATIONS = sorted(n for n, o in OPERATIONS.items() if REGION_FIELD in o.fields.values())
BOX = (8, 4, 24, 16)
REGION_FIELDS = {"left": "8px", "top": "4px", "right": "24px", "bottom": "16px"}


def run_operation(image, op, mask=None, **fields):
    return run_steps(image, read_steps([{"op": op, **fields}], mask is not None), mask)


@pytest.fixture
def image():
    """Return an image with colours, edges and transparency everywhere."""
    bands = [Image.effect_mandelbrot((48, 32), (-2 + i / 9, -1, 1, 1), 40) for i in range(3)]
    alpha = Image.linear_gradient("L").resize((48, 32))
    return Image.merge("RGBA", [*(band.point(lambda v: v * 5 % 256) for band in bands), alpha])


@pytest.fixture
def disc_mask():
    """Return a mask that is not a rectangle."""
    mask = Image.new("L", (48, 32))
    ImageDraw.Draw(mask).ellipse(BOX, fill=255)
    return mask


@pytest.mark.parametrize("op", IN_PLACE_OPERATIONS)
def test_operation_with_region_changes_nothing_outside_it(image, op):
    changed = run_operation(image, op, **{"region": REGION_FIELDS, **REQUIRED_FIELDS.get(op, {})})
    touched = ImageChops.difference(image, changed)
    assert touched.crop(BOX).getbbox(alpha_only=False), f"{op} did nothing"
    touched.paste((0, 0, 0, 0), BOX)
    assert touched.getbbox(alpha_only=False) is None


@pytest.mark.parametrize("op", IN_PLACE_OPERATIONS)
def test_operation_with_mask_ignores_its_region(image, disc_mask, op):
    other_region = {"region": {"left": 0.6, "top": 0.6}}
    changed = run_operation(image, op, disc_mask, **{**REQUIRED_FIELDS.get(op, {}), **other_region})
    touched = ImageChops.difference(image, changed)
    assert touched.getbbox(alpha_only=False), f"{op} did nothing"
    touched.paste((0, 0, 0, 0), mask=disc_mask)
    assert touched.getbbox(alpha_only=False) is None


@pytest.mark.parametrize("op", [n for n in REGIONAL_OPERATIONS if n != "background"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_operation_accepts_every_image_mode(image, op, mode):
    image = image.convert(mode)
    changed = run_operation(image, op, **REQUIRED_FIELDS.get(op, {}))
    assert changed.mode == ("RGBA" if mode == "RGBA" else "RGB")
    assert changed.size == image.size
    if mode == "RGBA" and op not in ("blur", "pixelate", "text"):
        assert changed.getchannel("A").tobytes() == image.getchannel("A").tobytes()


@pytest.mark.parametrize("op", sorted(OPERATIONS))
def test_operation_does_not_modify_its_input(image, op):
    before = image.copy()
    fields = {**REQUIRED_FIELDS, **dict(MOVING_OPERATIONS)}.get(op, {})
    (step,) = read_steps([{"op": op, **fields}], False)
    step.operation.run(image, step.values, None)
    assert image == before


MOVING_OPERATIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("crop", {"region": {"right": 0.5}}),
    ("crop_shape", {"shape": "1:1"}),
    ("rotate", {"angle": 10}),
    ("straighten", {"angle": 10}),
    ("flip", {"axis": "left-right"}),
    ("resize", {"to": "50%"}),
    ("pad", {"shape": "1:1"}),
)


@pytest.mark.parametrize(("op", "fields"), [*MOVING_OPERATIONS, ("border", {})])
def test_moving_operation_with_mask_raises_plan_error(op, fields):
    with pytest.raises(InvalidSteps, match="cannot be confined to a mask"):
        read_steps([{"op": op, **fields}], True)


def test_half_marked_pixel_is_half_changed():
    grey = Image.new("RGB", (20, 20), (100, 100, 100))
    changed = run_operation(grey, "brightness", Image.new("L", grey.size, 128), factor=0)
    assert changed.getpixel((10, 10)) == (50, 50, 50)


def test_brightness_multiplies_channel_values():
    changed = run_operation(Image.new("RGB", (4, 4), (100, 50, 200)), "brightness", factor=2)
    assert changed.getpixel((0, 0)) == (200, 100, 255)


@pytest.mark.parametrize("op", ["brightness", "contrast", "saturation", "sharpness"])
def test_factor_of_one_changes_nothing(image, op):
    assert run_operation(image, op, factor=1).tobytes() == image.tobytes()


def test_contrast_spreads_values_around_the_mean():
    image = Image.new("RGB", (2, 1), (100, 100, 100))
    image.putpixel((1, 0), (140, 140, 140))
    changed = run_operation(image, "contrast", factor=2)
    assert [changed.getpixel((x, 0))[0] for x in (0, 1)] == [80, 160]


def test_zero_saturation_gives_grey(image):
    red, green, blue = run_operation(image.convert("RGB"), "saturation", factor=0).split()
    assert red.tobytes() == green.tobytes() == blue.tobytes()


def test_greyscale_of_opaque_image_is_grey_and_opaque(image):
    image = image.convert("RGB")
    grey = run_operation(image, "greyscale")
    assert grey.getchannel("R").tobytes() == image.convert("L").tobytes()
    assert grey.mode == "RGB"


def test_sepia_of_white_is_light_brown():
    assert run_operation(Image.new("RGB", (2, 2), "white"), "sepia").getpixel((0, 0)) == (
        255,
        255,
        239,
    )


def test_sharpness_factor_raises_or_lowers_detail(image):
    def roughness(image):
        return ImageStat.Stat(ImageChops.difference(image, image.transpose(0))).mean[0]

    image = image.convert("RGB").resize((480, 320))
    soft, sharp = (run_operation(image, "sharpness", factor=factor) for factor in (0, 4))
    assert roughness(soft) < roughness(sharp)


@pytest.mark.parametrize(
    ("strength", "expected"), [(0, (0, 0, 0)), (0.5, (100, 50, 0)), (1, (200, 100, 0))]
)
def test_tint_mixes_colour_by_strength(strength, expected):
    changed = run_operation(Image.new("RGB", (3, 3)), "tint", color="#c86400", strength=strength)
    assert changed.getpixel((1, 1)) == expected


def test_blur_lowers_deviation_and_keeps_the_mean(image):
    image = image.convert("RGB")
    changed = run_operation(image, "blur", radius=0.5)
    before, after = ImageStat.Stat(image), ImageStat.Stat(changed)
    assert max(after.stddev) < max(before.stddev) / 2
    assert after.mean == pytest.approx(before.mean, abs=8)


def test_blur_of_region_reads_no_pixels_outside_it():
    """A blurred region must not reveal the pixels next to it."""
    image = Image.new("RGB", (40, 40), "white")
    image.paste("black", (10, 10, 30, 30))
    box = {side: f"{at}px" for side, at in zip(REGION_FIELDS, (10, 10, 30, 30), strict=True)}
    assert run_operation(image, "blur", region=box, radius=1) == image


def test_blur_does_not_spread_colours_of_transparent_pixels():
    image = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 20, 40))
    changed = run_operation(image, "blur", radius=0.1)
    assert changed.getpixel((21, 20))[:3] == pytest.approx((0, 0, 255), abs=3)


def test_pixelate_gives_blocks_of_one_colour(image):
    changed = run_operation(image.convert("RGB"), "pixelate", block="8px")
    for x in range(0, 48, 8):
        for y in range(0, 32, 8):
            assert len(changed.crop((x, y, x + 8, y + 8)).getcolors()) == 1
    first = ImageStat.Stat(image.convert("RGB").crop((0, 0, 8, 8))).mean
    assert changed.getpixel((0, 0)) == pytest.approx(first, abs=1)


@pytest.mark.parametrize("block", ["7px", "99999px", 1, 0, "0px"])
def test_pixelate_accepts_any_block_size(image, block):
    assert run_operation(image, "pixelate", block=block).size == image.size


def test_erase_fills_region_from_its_surroundings():
    green = (30, 160, 60)
    image = Image.new("RGB", (60, 60), green)
    image.paste((220, 30, 30), (20, 20, 40, 40))
    box = {side: f"{at}px" for side, at in zip(REGION_FIELDS, (18, 18, 42, 42), strict=True)}
    difference = ImageChops.difference(
        run_operation(image, "erase", region=box), Image.new("RGB", (60, 60), green)
    )
    assert max_value(difference) <= 1


@pytest.mark.parametrize("region", [{}, {"right": 0.6}])
def test_erase_of_more_than_half_raises_plan_error(image, region):
    with pytest.raises(InvalidSteps, match="more than half"):
        run_operation(image, "erase", region=region)


def test_erase_with_full_mask_raises_mask_full(image):
    with pytest.raises(InvalidRequest) as exc_info:
        run_operation(image, "erase", Image.new("L", image.size, 255))
    assert exc_info.value.code == "mask_full"


def test_background_fills_transparent_pixels_opaquely(image):
    changed = run_operation(image, "background", color="#336699")
    assert changed.getchannel("A").getextrema() == (255, 255)
    image = Image.new("RGBA", (2, 2), (255, 255, 255, 0))
    assert run_operation(image, "background", color="#336699").getpixel((0, 0)) == (
        0x33,
        0x66,
        0x99,
        255,
    )
    opaque = image.convert("RGB")
    assert run_operation(opaque, "background", color="red") == opaque


def test_operation_with_empty_mask_changes_nothing(image):
    assert run_operation(image, "sepia", Image.new("L", image.size)) == image


def test_operations_preserve_colour_profile():
    image = Image.new("RGB", (8, 8))
    image.info["icc_profile"] = b"a profile"
    steps = [{"op": "greyscale"}, {"op": "border"}, {"op": "rotate", "angle": 5}]
    assert run_steps(image, read_steps(steps, False), None).info == {"icc_profile": b"a profile"}
