import random

from PIL import Image, ImageDraw

from retouch.imaging.inpaint.canvas import InpaintCanvas
from retouch.imaging.inpaint.patch_search import find_source_patch, refine_offset

SIZE = (600, 400)
HOLE = (110, 150, 190, 230)


def texture(size, seed=1, cell=48):
    """Return an image of blotches of `cell` pixels."""
    small = (size[0] // cell + 1, size[1] // cell + 1)
    rough = Image.frombytes("L", small, random.Random(seed).randbytes(small[0] * small[1]))
    soft = rough.resize(size, Image.Resampling.BICUBIC).point(lambda v: 90 + v // 3)
    return soft.convert("RGB")


def build_canvas(image, hole=HOLE, excluded=()):
    mask = Image.new("L", image.size)
    mask.paste(255, hole)
    exclusion_mask = mask.copy()
    for box in excluded:
        exclusion_mask.paste(255, box)
    return InpaintCanvas(image, mask, exclusion_mask)


def texture_repeated_at(offset):
    """Return a texture that repeats the surroundings of the hole exactly at that offset."""
    image = texture(SIZE)
    surroundings = (70, 110, 230, 270)
    image.paste(
        image.crop(surroundings), (surroundings[0] + offset[0], surroundings[1] + offset[1])
    )
    return image


def test_exact_match_is_found_to_the_pixel():
    for offset in ((173, 7), (280, -61), (341, 98)):
        search_canvas = build_canvas(texture_repeated_at(offset))
        source = find_source_patch(search_canvas, HOLE, 4)
        assert source.is_usable
        assert refine_offset(source, search_canvas, HOLE) == offset


def test_excluded_area_is_not_used_as_source():
    search_canvas = build_canvas(texture_repeated_at((173, 7)), excluded=[(320, 190, 324, 194)])
    source = find_source_patch(search_canvas, HOLE, 4)
    assert refine_offset(source, search_canvas, HOLE) != (173, 7)


def test_area_with_object_is_not_used_as_source():
    image = texture_repeated_at((220, 0))
    ImageDraw.Draw(image).ellipse((340, 160, 400, 220), fill=(255, 0, 0))
    search_canvas = build_canvas(image)
    assert refine_offset(find_source_patch(search_canvas, HOLE, 4), search_canvas, HOLE) != (220, 0)


def test_smooth_image_needs_no_source_patch():
    image = Image.linear_gradient("L").resize(SIZE).convert("RGB")
    assert not find_source_patch(build_canvas(image), HOLE, 2).is_needed
    assert find_source_patch(build_canvas(texture(SIZE, cell=8)), HOLE, 2).is_needed


def test_hole_too_large_for_image_has_no_source_patch():
    hole = (40, 40, 560, 360)
    source = find_source_patch(build_canvas(texture(SIZE), hole), hole, 2)
    assert source.offset is None
    assert not source.is_good
    assert not source.is_usable
    assert refine_offset(source, build_canvas(texture(SIZE), hole), hole) is None


def test_poor_match_is_not_usable():
    image = Image.new("RGB", SIZE, (250, 250, 250))
    image.paste(Image.new("RGB", (280, 400), (10, 10, 10)))
    search_canvas = build_canvas(image, excluded=[(0, 0, 280, 400)])
    source = find_source_patch(search_canvas, HOLE, 2)
    assert source.offset
    assert not source.is_usable
