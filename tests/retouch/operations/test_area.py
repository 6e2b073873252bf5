"""What stays in place: exact inside, and bit by bit the same outside, of a region or of a mask."""

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from retouch.errors import InvalidRequest
from retouch.operations.registry import OPERATIONS, REGION
from retouch.operations.steps import read_steps, run
from retouch.operations.values import PlanError

REQUIRED = {
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
IN_PLACE = sorted(name for name, operation in OPERATIONS.items() if not operation.moves)
REGIONAL = sorted(n for n, o in OPERATIONS.items() if REGION in o.fields.values())
BOX = (8, 4, 24, 16)
WHERE = {"left": "8px", "top": "4px", "right": "24px", "bottom": "16px"}


def done(image, op, mask=None, **fields):
    return run(image, read_steps([{"op": op, **fields}], mask is not None), mask)


@pytest.fixture
def picture():
    """Colour, edges and transparency everywhere."""
    bands = [Image.effect_mandelbrot((48, 32), (-2 + i / 9, -1, 1, 1), 40) for i in range(3)]
    clear = Image.linear_gradient("L").resize((48, 32))
    return Image.merge("RGBA", [*(band.point(lambda v: v * 5 % 256) for band in bands), clear])


@pytest.fixture
def disc():
    """A mask that is no rectangle."""
    mask = Image.new("L", (48, 32))
    ImageDraw.Draw(mask).ellipse(BOX, fill=255)
    return mask


@pytest.mark.parametrize("op", IN_PLACE)
def test_nothing_outside_the_region_changes(picture, op):
    changed = done(picture, op, **{"region": WHERE, **REQUIRED.get(op, {})})
    touched = ImageChops.difference(picture, changed)
    assert touched.crop(BOX).getbbox(alpha_only=False), f"{op} did nothing"
    touched.paste((0, 0, 0, 0), BOX)
    assert touched.getbbox(alpha_only=False) is None


@pytest.mark.parametrize("op", IN_PLACE)
def test_a_mask_wins_over_the_region(picture, disc, op):
    elsewhere = {"region": {"left": 0.6, "top": 0.6}}
    changed = done(picture, op, disc, **{**REQUIRED.get(op, {}), **elsewhere})
    touched = ImageChops.difference(picture, changed)
    assert touched.getbbox(alpha_only=False), f"{op} did nothing"
    touched.paste((0, 0, 0, 0), mask=disc)
    assert touched.getbbox(alpha_only=False) is None


@pytest.mark.parametrize("op", [n for n in REGIONAL if n != "background"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_every_kind_of_picture_will_do(picture, op, mode):
    image = picture.convert(mode)
    changed = done(image, op, **REQUIRED.get(op, {}))
    assert changed.mode == ("RGBA" if mode == "RGBA" else "RGB")
    assert changed.size == image.size
    if mode == "RGBA" and op not in ("blur", "pixelate", "text"):
        assert changed.getchannel("A").tobytes() == image.getchannel("A").tobytes()


@pytest.mark.parametrize("op", sorted(OPERATIONS))
def test_the_picture_that_was_given_stays_as_it_was(picture, op):
    before = picture.copy()
    fields = {**REQUIRED, **dict(MOVES)}.get(op, {})
    (step,) = read_steps([{"op": op, **fields}], False)
    step.operation.run(picture, step.values, None)
    assert picture == before


MOVES = (
    ("crop", {"region": {"right": 0.5}}),
    ("crop_shape", {"shape": "1:1"}),
    ("rotate", {"angle": 10}),
    ("straighten", {"angle": 10}),
    ("flip", {"axis": "left-right"}),
    ("resize", {"to": "50%"}),
    ("pad", {"shape": "1:1"}),
)


@pytest.mark.parametrize(("op", "fields"), [*MOVES, ("border", {})])
def test_what_moves_pixels_is_refused_with_a_mask(op, fields):
    with pytest.raises(PlanError, match="cannot be confined to a mask"):
        read_steps([{"op": op, **fields}], True)


def test_half_marked_is_half_changed():
    grey = Image.new("RGB", (20, 20), (100, 100, 100))
    changed = done(grey, "brightness", Image.new("L", grey.size, 128), factor=0)
    assert changed.getpixel((10, 10)) == (50, 50, 50)


def test_brightness_multiplies():
    changed = done(Image.new("RGB", (4, 4), (100, 50, 200)), "brightness", factor=2)
    assert changed.getpixel((0, 0)) == (200, 100, 255)


@pytest.mark.parametrize("op", ["brightness", "contrast", "saturation", "sharpness"])
def test_a_factor_of_one_changes_nothing(picture, op):
    assert done(picture, op, factor=1).tobytes() == picture.tobytes()


def test_contrast_spreads_around_the_mean():
    image = Image.new("RGB", (2, 1), (100, 100, 100))
    image.putpixel((1, 0), (140, 140, 140))
    changed = done(image, "contrast", factor=2)
    assert [changed.getpixel((x, 0))[0] for x in (0, 1)] == [80, 160]


def test_no_saturation_is_grey(picture):
    red, green, blue = done(picture.convert("RGB"), "saturation", factor=0).split()
    assert red.tobytes() == green.tobytes() == blue.tobytes()


def test_greyscale_is_grey_and_opaque_stays_opaque(picture):
    image = picture.convert("RGB")
    grey = done(image, "greyscale")
    assert grey.getchannel("R").tobytes() == image.convert("L").tobytes()
    assert grey.mode == "RGB"


def test_sepia_of_white_is_its_light_brown():
    assert done(Image.new("RGB", (2, 2), "white"), "sepia").getpixel((0, 0)) == (255, 255, 239)


def test_sharpness_raises_detail_and_softening_lowers_it(picture):
    def rough(image):
        return ImageStat.Stat(ImageChops.difference(image, image.transpose(0))).mean[0]

    image = picture.convert("RGB").resize((480, 320))
    soft, sharp = (done(image, "sharpness", factor=factor) for factor in (0, 4))
    assert rough(soft) < rough(sharp)


@pytest.mark.parametrize(
    ("strength", "expected"), [(0, (0, 0, 0)), (0.5, (100, 50, 0)), (1, (200, 100, 0))]
)
def test_tint_mixes(strength, expected):
    changed = done(Image.new("RGB", (3, 3)), "tint", color="#c86400", strength=strength)
    assert changed.getpixel((1, 1)) == expected


def test_blur_flattens_and_keeps_the_mean(picture):
    image = picture.convert("RGB")
    changed = done(image, "blur", radius=0.5)
    before, after = ImageStat.Stat(image), ImageStat.Stat(changed)
    assert max(after.stddev) < max(before.stddev) / 2
    assert after.mean == pytest.approx(before.mean, abs=8)


def test_blur_looks_at_nothing_outside_its_region():
    """What was next to it must not be guessed from it."""
    image = Image.new("RGB", (40, 40), "white")
    image.paste("black", (10, 10, 30, 30))
    box = {side: f"{at}px" for side, at in zip(WHERE, (10, 10, 30, 30), strict=True)}
    assert done(image, "blur", region=box, radius=1) == image


def test_colours_under_transparent_pixels_do_not_bleed_out():
    image = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 20, 40))
    changed = done(image, "blur", radius=0.1)
    assert changed.getpixel((21, 20))[:3] == pytest.approx((0, 0, 255), abs=3)


def test_pixelate_leaves_squares_of_one_colour(picture):
    changed = done(picture.convert("RGB"), "pixelate", block="8px")
    for x in range(0, 48, 8):
        for y in range(0, 32, 8):
            assert len(changed.crop((x, y, x + 8, y + 8)).getcolors()) == 1
    first = ImageStat.Stat(picture.convert("RGB").crop((0, 0, 8, 8))).mean
    assert changed.getpixel((0, 0)) == pytest.approx(first, abs=1)


@pytest.mark.parametrize("block", ["7px", "99999px", 1, 0, "0px"])
def test_any_block_fits(picture, block):
    assert done(picture, "pixelate", block=block).size == picture.size


def test_erase_fills_from_the_surroundings():
    green = (30, 160, 60)
    image = Image.new("RGB", (60, 60), green)
    image.paste((220, 30, 30), (20, 20, 40, 40))
    box = {side: f"{at}px" for side, at in zip(WHERE, (18, 18, 42, 42), strict=True)}
    difference = ImageChops.difference(
        done(image, "erase", region=box), Image.new("RGB", (60, 60), green)
    )
    assert max(high for _, high in difference.getextrema()) <= 1


@pytest.mark.parametrize("region", [{}, {"right": 0.6}])
def test_too_much_to_erase_is_refused(picture, region):
    with pytest.raises(PlanError, match="more than half"):
        done(picture, "erase", region=region)


def test_a_mask_of_everything_is_the_callers_own_mistake(picture):
    with pytest.raises(InvalidRequest) as caught:
        done(picture, "erase", Image.new("L", picture.size, 255))
    assert caught.value.code == "mask_full"


def test_background_shows_through_and_is_opaque(picture):
    changed = done(picture, "background", color="#336699")
    assert changed.getchannel("A").getextrema() == (255, 255)
    image = Image.new("RGBA", (2, 2), (255, 255, 255, 0))
    assert done(image, "background", color="#336699").getpixel((0, 0)) == (0x33, 0x66, 0x99, 255)
    opaque = picture.convert("RGB")
    assert done(opaque, "background", color="red") == opaque


def test_an_empty_mask_changes_nothing(picture):
    assert done(picture, "sepia", Image.new("L", picture.size)) == picture


def test_a_colour_profile_is_kept():
    image = Image.new("RGB", (8, 8))
    image.info["icc_profile"] = b"a profile"
    steps = [{"op": "greyscale"}, {"op": "border"}, {"op": "rotate", "angle": 5}]
    assert run(image, read_steps(steps, False), None).info == {"icc_profile": b"a profile"}
