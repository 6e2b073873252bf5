import random

from PIL import Image, ImageDraw

from retouch.pixels.canvas import Canvas
from retouch.pixels.donor import find_donor, refine

SIZE = (600, 400)
HOLE = (110, 150, 190, 230)


def texture(size, seed=1, cell=48):
    """Blotches of `cell` pixels."""
    small = (size[0] // cell + 1, size[1] // cell + 1)
    rough = Image.frombytes("L", small, random.Random(seed).randbytes(small[0] * small[1]))
    soft = rough.resize(size, Image.Resampling.BICUBIC).point(lambda v: 90 + v // 3)
    return soft.convert("RGB")


def canvas(image, hole=HOLE, barred=()):
    mask = Image.new("L", image.size)
    mask.paste(255, hole)
    bars = mask.copy()
    for box in barred:
        bars.paste(255, box)
    return Canvas(image, mask, bars)


def twice(offset):
    """A texture with the hole's surroundings repeated at that offset, to the pixel."""
    image = texture(SIZE)
    around = (70, 110, 230, 270)
    image.paste(image.crop(around), (around[0] + offset[0], around[1] + offset[1]))
    return image


def test_the_one_place_that_matches_is_found_to_the_pixel():
    for offset in ((173, 7), (280, -61), (341, 98)):
        where = canvas(twice(offset))
        donor = find_donor(where, HOLE, 4)
        assert donor.usable
        assert refine(donor, where, HOLE) == offset


def test_a_barred_place_is_not_taken_however_well_it_matches():
    where = canvas(twice((173, 7)), barred=[(320, 190, 324, 194)])
    donor = find_donor(where, HOLE, 4)
    assert refine(donor, where, HOLE) != (173, 7)


def test_a_place_with_an_object_in_it_is_not_taken():
    image = twice((220, 0))
    ImageDraw.Draw(image).ellipse((340, 160, 400, 220), fill=(255, 0, 0))
    where = canvas(image)
    assert refine(find_donor(where, HOLE, 4), where, HOLE) != (220, 0)


def test_a_smooth_picture_needs_no_donor():
    image = Image.linear_gradient("L").resize(SIZE).convert("RGB")
    assert not find_donor(canvas(image), HOLE, 2).needed
    assert find_donor(canvas(texture(SIZE, cell=8)), HOLE, 2).needed


def test_where_nothing_fits_there_is_none():
    hole = (40, 40, 560, 360)
    donor = find_donor(canvas(texture(SIZE), hole), hole, 2)
    assert donor.offset is None
    assert not donor.good
    assert not donor.usable
    assert refine(donor, canvas(texture(SIZE), hole), hole) is None


def test_what_does_not_match_is_not_good():
    image = Image.new("RGB", SIZE, (250, 250, 250))
    image.paste(Image.new("RGB", (280, 400), (10, 10, 10)))
    where = canvas(image, barred=[(0, 0, 280, 400)])
    donor = find_donor(where, HOLE, 2)
    assert donor.offset
    assert not donor.usable
