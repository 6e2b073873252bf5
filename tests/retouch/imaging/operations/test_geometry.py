"""Tests of operations that move pixels: the new position of each pixel, and the rejected values."""

import pytest
from PIL import Image, ImageChops

from retouch.imaging.operations.geometry import crop_to_ratio
from retouch.imaging.operations.program import read_steps, run_steps
from retouch.imaging.operations.values import InvalidSteps
from tests.support.images import scene


def run_operation(image, op, mask=None, **fields):
    return run_steps(image, read_steps([{"op": op, **fields}], mask is not None), mask)


def is_same_image(first, second):
    return (
        first.mode == second.mode
        and first.size == second.size
        and first.tobytes() == second.tobytes()
    )


@pytest.fixture
def image():
    """Return an image without symmetry: red in the top left corner, blue in the bottom right corner."""
    image = scene(60, 40)
    image.paste((255, 0, 0), (0, 0, 9, 5))
    image.paste((0, 0, 255), (50, 36, 60, 40))
    return image


@pytest.mark.parametrize(
    ("region", "box"),
    [
        ({"right": 0.5}, (0, 0, 30, 40)),
        ({"left": 0.25, "top": 0.5}, (15, 20, 60, 40)),
        ({"left": "7px", "top": "3px", "right": "20px", "bottom": "9px"}, (7, 3, 20, 9)),
        ({"left": "10px", "right": 0.5}, (10, 0, 30, 40)),
        ({"right": "99999px"}, (0, 0, 60, 40)),
        ({}, (0, 0, 60, 40)),
    ],
)
def test_crop_returns_exactly_the_region(image, region, box):
    assert is_same_image(run_operation(image, "crop", region=region), image.crop(box))


@pytest.mark.parametrize(
    "region",
    [{"left": 0.5, "right": 0.5}, {"top": 0.6, "bottom": 0.2}, {"left": "60px"}, {"right": "0px"}],
)
def test_crop_to_empty_region_raises_plan_error(image, region):
    with pytest.raises(InvalidSteps, match=r"Step 1 \(crop\): .*60x40"):
        run_operation(image, "crop", region=region)


@pytest.mark.parametrize(
    ("shape", "keep", "box"),
    [
        ("1:1", "centre", (10, 0, 50, 40)),
        ("1:1", "left", (0, 0, 40, 40)),
        ("1:1", "right", (20, 0, 60, 40)),
        ("1:1", "top", (10, 0, 50, 40)),
        ("3:1", "top", (0, 0, 60, 20)),
        ("3:1", "bottom", (0, 20, 60, 40)),
        ("3:2", "center", (0, 0, 60, 40)),
        ("1:9999", "left", (0, 0, 1, 40)),
    ],
)
def test_crop_shape_returns_largest_area_of_that_shape(image, shape, keep, box):
    assert is_same_image(
        run_operation(image, "crop_shape", shape=shape, keep=keep), image.crop(box)
    )


@pytest.mark.parametrize(
    ("angle", "method"),
    [
        (90, Image.Transpose.ROTATE_270),
        (-90, Image.Transpose.ROTATE_90),
        (180, Image.Transpose.ROTATE_180),
        (-180, Image.Transpose.ROTATE_180),
        (270, Image.Transpose.ROTATE_90),
    ],
)
def test_rotate_by_quarter_turn_is_exact_and_clockwise(image, angle, method):
    rotated = run_operation(image, "rotate", angle=angle)
    assert is_same_image(rotated, image.transpose(method))


@pytest.mark.parametrize("angle", [0, 360, -360, -1e-15, -1e-300])
def test_rotate_by_full_turn_changes_nothing(image, angle):
    assert is_same_image(run_operation(image, "rotate", angle=angle), image)


def test_rotate_by_90_degrees_moves_top_left_to_top_right(image):
    rotated = run_operation(image, "rotate", angle=90)
    assert rotated.size == (40, 60)
    assert rotated.getpixel((39, 0)) == (255, 0, 0)


def test_rotate_by_other_angle_grows_canvas_with_transparent_corners(image):
    rotated = run_operation(image, "rotate", angle=30)
    assert rotated.mode == "RGBA"
    assert abs(rotated.width - 72) <= 2  # 60 cos 30 + 40 sin 30
    assert abs(rotated.height - 65) <= 2
    corners = [
        rotated.getpixel((x, y))[3] for x in (0, rotated.width - 1) for y in (0, rotated.height - 1)
    ]
    assert corners == [0, 0, 0, 0]
    middle = rotated.getpixel((rotated.width // 2, rotated.height // 2))
    assert middle == (220, 30, 30, 255)


def test_rotate_by_positive_angle_turns_clockwise(image):
    """A small clockwise rotation raises the left edge and lowers the right edge."""
    flag = Image.new("RGB", (100, 100), "black")
    flag.paste("white", (40, 0, 60, 20))
    rotated = run_operation(flag, "rotate", angle=20, fill="black").convert("L")
    left, _, right, _ = rotated.crop((0, 0, rotated.width, rotated.height // 2)).getbbox()
    assert (left + right) / 2 > rotated.width / 2


def test_rotate_with_fill_colours_the_corners(image):
    rotated = run_operation(image, "rotate", angle=45, fill="#102030")
    assert rotated.mode == "RGB"
    assert rotated.getpixel((0, 0)) == (16, 32, 48)


@pytest.mark.parametrize("size", [(60, 40), (40, 60), (200, 10), (50, 50), (1, 1)])
@pytest.mark.parametrize("angle", [1, -7.5, 30, 45, -45])
def test_straighten_leaves_no_empty_corner(size, angle):
    straightened = run_operation(Image.new("RGB", size, "white"), "straighten", angle=angle)
    assert straightened.mode == "RGB"
    assert straightened.width <= size[0]
    assert straightened.height <= size[1]
    if min(size) > 1:
        assert straightened.getextrema() == ((255, 255),) * 3


def test_straighten_crops_as_little_as_needed():
    straightened = run_operation(Image.new("RGB", (600, 400)), "straighten", angle=2)
    assert straightened.width >= 580
    assert straightened.height >= 370


@pytest.mark.parametrize(
    ("axis", "method"),
    [
        ("left-right", Image.Transpose.FLIP_LEFT_RIGHT),
        ("horizontal", Image.Transpose.FLIP_LEFT_RIGHT),
        ("top-bottom", Image.Transpose.FLIP_TOP_BOTTOM),
        ("vertical", Image.Transpose.FLIP_TOP_BOTTOM),
    ],
)
def test_flip_mirrors_along_axis(image, axis, method):
    flipped = run_operation(image, "flip", axis=axis)
    assert is_same_image(flipped, image.transpose(method))
    assert is_same_image(run_operation(flipped, "flip", axis=axis), image)


@pytest.mark.parametrize(
    ("to", "size"),
    [
        ("120x80", (120, 80)),
        ("7x9", (7, 9)),
        ("30x", (30, 20)),
        ("x20", (30, 20)),
        ("50%", (30, 20)),
        ("1%", (1, 1)),
        ("200%", (120, 80)),
    ],
)
def test_resize_gives_requested_size(image, to, size):
    assert run_operation(image, "resize", to=to).size == size


def test_resize_to_100_percent_changes_nothing(image):
    assert is_same_image(run_operation(image, "resize", to="100%"), image)


@pytest.mark.parametrize(
    ("op", "fields"),
    [
        ("resize", {"to": "99999x99999"}),
        ("resize", {"to": "16384x1"}),
        ("resize", {"to": "4096x4097"}),
        ("pad", {"shape": "1:9999"}),
    ],
)
def test_operation_result_over_pixel_limit_raises_plan_error(image, op, fields):
    with pytest.raises(InvalidSteps, match="at most 16777216 pixels"):
        run_operation(image, op, **fields)


def test_rotate_result_over_pixel_limit_raises_plan_error():
    with pytest.raises(InvalidSteps, match="at most"):
        run_operation(Image.new("RGB", (4096, 4096)), "rotate", angle=45)


def test_pad_extends_to_shape_and_keeps_every_pixel(image):
    padded = run_operation(image, "pad", shape="1:1", color="#00ff00")
    assert padded.size == (60, 60)
    assert is_same_image(padded.crop((0, 10, 60, 50)), image)
    padded.paste((0, 255, 0), (0, 10, 60, 50))
    assert padded.getcolors() == [(3600, (0, 255, 0))]


def test_pad_with_transparent_colour_is_transparent(image):
    padded = run_operation(image, "pad", shape="2:1", color="transparent")
    assert padded.size == (80, 40)
    assert padded.getchannel("A").getbbox() == (10, 0, 70, 40)


def test_border_surrounds_image_and_keeps_every_pixel(image):
    bordered = run_operation(image, "border", width="3px", color="black")
    assert bordered.size == (66, 46)
    assert is_same_image(bordered.crop((3, 3, 63, 43)), image)
    bordered.paste((0, 0, 0), (3, 3, 63, 43))
    assert bordered.getbbox() is None


def test_border_fraction_is_of_shorter_edge(image):
    assert run_operation(image, "border", width=0.1).size == (68, 48)


def test_rotate_moves_transparency_with_pixels():
    image = Image.new("RGBA", (10, 10), (10, 20, 30, 0))
    image.paste((200, 100, 50, 255), (0, 0, 5, 10))
    rotated = run_operation(image, "rotate", angle=90)
    assert rotated.getchannel("A").getbbox() == (0, 0, 10, 5)
    assert (
        ImageChops.difference(rotated, image.transpose(Image.Transpose.ROTATE_270)).getbbox()
        is None
    )


def test_crop_to_extreme_shape_keeps_one_pixel():
    assert crop_to_ratio(Image.new("RGB", (1, 100)), (9999, 1)).size == (1, 1)
