from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from retouch.imaging.masks.regions import (
    are_disjoint,
    expand_box,
    find_regions,
    is_inside,
    shift_box,
    split_box,
)

SIZE = (120, 90)


def marked_image(*boxes, size=SIZE):
    image = Image.new("L", size)
    for left, top, right, bottom in boxes:
        image.paste(1, (left, top, right, bottom))
    return image


def test_empty_mask_has_no_region():
    assert find_regions(marked_image()) == []


def test_areas_with_gap_are_separate_regions():
    boxes = [(5, 5, 20, 20), (40, 5, 60, 25), (5, 50, 12, 80)]
    assert sorted(find_regions(marked_image(*boxes))) == sorted(boxes)


def test_areas_with_narrow_gap_are_one_region():
    assert find_regions(marked_image((5, 5, 20, 20), (27, 5, 40, 20))) == [(5, 5, 40, 20)]
    assert len(find_regions(marked_image((5, 5, 20, 20), (28, 5, 40, 20)))) == 2


def test_areas_are_split_again_when_gap_shows_in_one_part():
    boxes = [(0, 0, 10, 10), (30, 0, 40, 50), (0, 40, 10, 50)]
    assert sorted(find_regions(marked_image(*boxes))) == sorted(boxes)


def test_dense_dots_are_one_region():
    dots = [(x, y, x + 1, y + 1) for x in range(0, 120, 12) for y in range(0, 90, 12)]
    assert find_regions(marked_image(*dots)) == [(0, 0, 109, 85)]


@given(st.lists(st.tuples(st.integers(0, 119), st.integers(0, 89), st.integers(1, 30)), max_size=8))
def test_every_marked_pixel_is_in_exactly_one_region(squares):
    image = marked_image(*[(x, y, min(120, x + n), min(90, y + n)) for x, y, n in squares])
    found_regions = find_regions(image)
    coverage = Image.new("L", SIZE)
    for box in found_regions:
        coverage.paste(1, box)
        assert image.crop(box).getbbox() == (0, 0, box[2] - box[0], box[3] - box[1])
    assert all(are_disjoint(a, b) for a in found_regions for b in found_regions if a is not b)
    image.paste(0, mask=coverage.point(lambda v: 255 * v))
    assert image.getbbox() is None


def test_box_helpers_grow_move_and_halve_boxes():
    assert expand_box((5, 5, 10, 10), 7, (12, 40)) == (0, 0, 12, 17)
    assert shift_box((1, 2, 3, 4), 10, -1) == (11, 1, 13, 3)
    assert is_inside((0, 0, 4, 4), (4, 4))
    assert not is_inside((0, 0, 5, 4), (4, 4))
    assert not is_inside((-1, 0, 4, 4), (4, 4))
    assert split_box((0, 0, 7, 4)) == ((0, 0, 3, 4), (3, 0, 7, 4))
    assert split_box((0, 0, 4, 7)) == ((0, 0, 4, 3), (0, 3, 4, 7))
