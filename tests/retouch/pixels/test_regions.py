from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from retouch.pixels.regions import apart, grown, halves, inside, moved, regions

SIZE = (120, 90)


def marked(*boxes, size=SIZE):
    image = Image.new("L", size)
    for left, top, right, bottom in boxes:
        image.paste(1, (left, top, right, bottom))
    return image


def test_nothing_marked_is_no_region():
    assert regions(marked()) == []


def test_areas_with_a_gap_between_them_are_apart():
    boxes = [(5, 5, 20, 20), (40, 5, 60, 25), (5, 50, 12, 80)]
    assert sorted(regions(marked(*boxes))) == sorted(boxes)


def test_a_narrow_gap_does_not_part():
    assert regions(marked((5, 5, 20, 20), (27, 5, 40, 20))) == [(5, 5, 40, 20)]
    assert len(regions(marked((5, 5, 20, 20), (28, 5, 40, 20)))) == 2


def test_areas_are_parted_again_where_only_a_part_shows_the_gap():
    boxes = [(0, 0, 10, 10), (30, 0, 40, 50), (0, 40, 10, 50)]
    assert sorted(regions(marked(*boxes))) == sorted(boxes)


def test_a_pattern_of_many_dots_is_one_area():
    dots = [(x, y, x + 1, y + 1) for x in range(0, 120, 12) for y in range(0, 90, 12)]
    assert regions(marked(*dots)) == [(0, 0, 109, 85)]


@given(st.lists(st.tuples(st.integers(0, 119), st.integers(0, 89), st.integers(1, 30)), max_size=8))
def test_every_marked_pixel_is_in_exactly_one_region(squares):
    image = marked(*[(x, y, min(120, x + n), min(90, y + n)) for x, y, n in squares])
    found = regions(image)
    cover = Image.new("L", SIZE)
    for box in found:
        cover.paste(1, box)
        assert image.crop(box).getbbox() == (0, 0, box[2] - box[0], box[3] - box[1])
    assert all(apart(a, b) for a in found for b in found if a is not b)
    image.paste(0, mask=cover.point(lambda v: 255 * v))
    assert image.getbbox() is None


def test_boxes_grow_move_and_halve():
    assert grown((5, 5, 10, 10), 7, (12, 40)) == (0, 0, 12, 17)
    assert moved((1, 2, 3, 4), 10, -1) == (11, 1, 13, 3)
    assert inside((0, 0, 4, 4), (4, 4))
    assert not inside((0, 0, 5, 4), (4, 4))
    assert not inside((-1, 0, 4, 4), (4, 4))
    assert halves((0, 0, 7, 4)) == ((0, 0, 3, 4), (3, 0, 7, 4))
    assert halves((0, 0, 4, 7)) == ((0, 0, 4, 3), (0, 3, 4, 7))
