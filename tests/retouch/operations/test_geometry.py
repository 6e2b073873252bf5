"""What moves pixels: where each of them ends up, and what is refused."""

import pytest
from PIL import Image, ImageChops

from retouch.operations.geometry import cut
from retouch.operations.steps import read_steps, run
from retouch.operations.values import PlanError
from tests.support.pictures import scene


def done(image, op, mask=None, **fields):
    return run(image, read_steps([{"op": op, **fields}], mask is not None), mask)


def same(one, other):
    return one.mode == other.mode and one.size == other.size and one.tobytes() == other.tobytes()


@pytest.fixture
def picture():
    """No symmetry: red in the top left corner, blue in the bottom right."""
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
def test_crop_takes_exactly_the_region(picture, region, box):
    assert same(done(picture, "crop", region=region), picture.crop(box))


@pytest.mark.parametrize(
    "region",
    [{"left": 0.5, "right": 0.5}, {"top": 0.6, "bottom": 0.2}, {"left": "60px"}, {"right": "0px"}],
)
def test_a_region_without_pixels_is_refused(picture, region):
    with pytest.raises(PlanError, match=r"Step 1 \(crop\): .*60x40"):
        done(picture, "crop", region=region)


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
def test_crop_shape_keeps_as_much_as_possible(picture, shape, keep, box):
    assert same(done(picture, "crop_shape", shape=shape, keep=keep), picture.crop(box))


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
def test_quarter_turns_are_exact_and_clockwise(picture, angle, method):
    turned = done(picture, "rotate", angle=angle)
    assert same(turned, picture.transpose(method))


@pytest.mark.parametrize("angle", [0, 360, -360, -1e-15, -1e-300])
def test_a_full_turn_changes_nothing(picture, angle):
    assert same(done(picture, "rotate", angle=angle), picture)


def test_ninety_degrees_bring_the_top_left_to_the_top_right(picture):
    turned = done(picture, "rotate", angle=90)
    assert turned.size == (40, 60)
    assert turned.getpixel((39, 0)) == (255, 0, 0)


def test_other_angles_keep_everything_and_clear_the_corners(picture):
    turned = done(picture, "rotate", angle=30)
    assert turned.mode == "RGBA"
    assert abs(turned.width - 72) <= 2  # 60 cos 30 + 40 sin 30
    assert abs(turned.height - 65) <= 2
    corners = [
        turned.getpixel((x, y))[3] for x in (0, turned.width - 1) for y in (0, turned.height - 1)
    ]
    assert corners == [0, 0, 0, 0]
    middle = turned.getpixel((turned.width // 2, turned.height // 2))
    assert middle == (220, 30, 30, 255)


def test_clockwise_is_clockwise(picture):
    """A little turn clockwise lifts the left edge and lowers the right one."""
    flag = Image.new("RGB", (100, 100), "black")
    flag.paste("white", (40, 0, 60, 20))
    turned = done(flag, "rotate", angle=20, fill="black").convert("L")
    left, _, right, _ = turned.crop((0, 0, turned.width, turned.height // 2)).getbbox()
    assert (left + right) / 2 > turned.width / 2


def test_corners_take_the_colour_that_is_asked_for(picture):
    turned = done(picture, "rotate", angle=45, fill="#102030")
    assert turned.mode == "RGB"
    assert turned.getpixel((0, 0)) == (16, 32, 48)


@pytest.mark.parametrize("size", [(60, 40), (40, 60), (200, 10), (50, 50), (1, 1)])
@pytest.mark.parametrize("angle", [1, -7.5, 30, 45, -45])
def test_straighten_leaves_no_empty_corner(size, angle):
    image = done(Image.new("RGB", size, "white"), "straighten", angle=angle)
    assert image.mode == "RGB"
    assert image.width <= size[0]
    assert image.height <= size[1]
    if min(size) > 1:
        assert image.getextrema() == ((255, 255),) * 3


def test_straighten_cuts_off_no_more_than_it_must():
    image = done(Image.new("RGB", (600, 400)), "straighten", angle=2)
    assert image.width >= 580
    assert image.height >= 370


@pytest.mark.parametrize(
    ("axis", "method"),
    [
        ("left-right", Image.Transpose.FLIP_LEFT_RIGHT),
        ("horizontal", Image.Transpose.FLIP_LEFT_RIGHT),
        ("top-bottom", Image.Transpose.FLIP_TOP_BOTTOM),
        ("vertical", Image.Transpose.FLIP_TOP_BOTTOM),
    ],
)
def test_flip_mirrors(picture, axis, method):
    flipped = done(picture, "flip", axis=axis)
    assert same(flipped, picture.transpose(method))
    assert same(done(flipped, "flip", axis=axis), picture)


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
def test_resize(picture, to, size):
    assert done(picture, "resize", to=to).size == size


def test_a_picture_of_its_own_size_stays(picture):
    assert same(done(picture, "resize", to="100%"), picture)


@pytest.mark.parametrize(
    ("op", "fields"),
    [
        ("resize", {"to": "99999x99999"}),
        ("resize", {"to": "16384x1"}),
        ("resize", {"to": "4096x4097"}),
        ("pad", {"shape": "1:9999"}),
    ],
)
def test_no_picture_grows_beyond_the_limit(picture, op, fields):
    with pytest.raises(PlanError, match="at most 16777216 pixels"):
        done(picture, op, **fields)


def test_a_turn_that_would_grow_too_large_is_refused():
    with pytest.raises(PlanError, match="at most"):
        done(Image.new("RGB", (4096, 4096)), "rotate", angle=45)


def test_pad_extends_to_the_shape_and_keeps_every_pixel(picture):
    padded = done(picture, "pad", shape="1:1", color="#00ff00")
    assert padded.size == (60, 60)
    assert same(padded.crop((0, 10, 60, 50)), picture)
    padded.paste((0, 255, 0), (0, 10, 60, 50))
    assert padded.getcolors() == [(3600, (0, 255, 0))]


def test_transparent_padding_is_transparent(picture):
    padded = done(picture, "pad", shape="2:1", color="transparent")
    assert padded.size == (80, 40)
    assert padded.getchannel("A").getbbox() == (10, 0, 70, 40)


def test_border_surrounds_and_keeps_every_pixel(picture):
    framed = done(picture, "border", width="3px", color="black")
    assert framed.size == (66, 46)
    assert same(framed.crop((3, 3, 63, 43)), picture)
    framed.paste((0, 0, 0), (3, 3, 63, 43))
    assert framed.getbbox() is None


def test_a_borders_fraction_is_of_the_shorter_edge(picture):
    assert done(picture, "border", width=0.1).size == (68, 48)


def test_transparency_moves_along():
    image = Image.new("RGBA", (10, 10), (10, 20, 30, 0))
    image.paste((200, 100, 50, 255), (0, 0, 5, 10))
    turned = done(image, "rotate", angle=90)
    assert turned.getchannel("A").getbbox() == (0, 0, 10, 5)
    assert (
        ImageChops.difference(turned, image.transpose(Image.Transpose.ROTATE_270)).getbbox() is None
    )


def test_cut_never_loses_everything():
    assert cut(Image.new("RGB", (1, 100)), (9999, 1)).size == (1, 1)
