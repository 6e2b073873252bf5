"""Tests of mask files of common tools: every file marks the stroke that the tool painted, and nothing else."""

import pytest
from PIL import Image

from retouch.core.edit_types import EncodedImage
from retouch.core.errors import InvalidRequest
from retouch.imaging.masks.read import read_mask
from tests.support.images import encode_image
from tests.support.tool_masks import SIZE, TOOL_MASKS

REFERENCE_IMAGE = EncodedImage(b"", "png", *SIZE)


def differing_pixels(mask, area):
    """Return the number of pixels that only one of both marks."""
    return sum(a != b for a, b in zip(mask.pixels.tobytes(), area.tobytes(), strict=True))


def allowed_difference(name):
    """Return the number of pixels that may differ: JPEG moves single pixels of an antialiased edge over the half."""
    return 12 if name.startswith("JPEG") else 0


@pytest.mark.parametrize("name", TOOL_MASKS)
def test_tool_mask_marks_the_painted_stroke_with_hard_edges(name):
    tool_mask = TOOL_MASKS[name]
    mask = read_mask(tool_mask.build(), REFERENCE_IMAGE, mode=tool_mask.mask_mode)
    assert differing_pixels(mask, tool_mask.area) <= allowed_difference(name)
    assert mask.edge == "hard"
    assert mask.coverage == mask.pixels.histogram()[255] / (SIZE[0] * SIZE[1])


@pytest.mark.parametrize("name", TOOL_MASKS)
def test_auto_reads_tool_mask_like_its_mode_or_refuses_it(name):
    tool_mask = TOOL_MASKS[name]
    if tool_mask.guess == "refused":
        with pytest.raises(InvalidRequest) as exc_info:
            read_mask(tool_mask.build(), REFERENCE_IMAGE, mode="auto")
        assert exc_info.value.code == "mask_mode_ambiguous"
        assert "alpha" in str(exc_info.value)
        assert "opaque" in str(exc_info.value)
        return
    mask = read_mask(tool_mask.build(), REFERENCE_IMAGE, mode="auto")
    assert mask.origin.is_guessed
    assert mask.origin.marking == (tool_mask.guess or tool_mask.mask_mode)
    assert differing_pixels(mask, tool_mask.area) <= allowed_difference(name)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("Photoshop, white on black", "mask_mode=white"),
        ("canvas, white on black", "mask_mode=white"),
        ("SAM, boolean", "mask_mode=white"),
        ("JPEG", "mask_mode=white"),
        ("Inkscape, grey", "mask_mode=black"),
        ("red on black", "mask_mode=auto"),
        ("SAM, index map", "mask_mode=auto"),
    ],
)
def test_opaque_file_without_mask_mode_is_refused_with_the_mode_to_send(name, remedy):
    with pytest.raises(InvalidRequest) as exc_info:
        read_mask(TOOL_MASKS[name].build(), REFERENCE_IMAGE)
    assert exc_info.value.code in ("mask_without_alpha", "mask_empty")
    assert remedy in str(exc_info.value)


def test_opaque_photo_as_mask_is_refused_without_a_suggestion_of_its_colours():
    noise = Image.effect_noise(SIZE, 90).convert("RGB")
    with pytest.raises(InvalidRequest, match="mask_mode=white or black") as exc_info:
        read_mask(encode_image(noise), REFERENCE_IMAGE)
    assert exc_info.value.code == "mask_without_alpha"


@pytest.mark.parametrize("name", ["red on black", "SAM, index map", "SAM, levels 0 and 1"])
def test_colour_or_index_map_in_white_mode_is_refused_with_auto_as_remedy(name):
    with pytest.raises(InvalidRequest, match="mask_mode=auto") as exc_info:
        read_mask(TOOL_MASKS[name].build(), REFERENCE_IMAGE, mode="white")
    assert exc_info.value.code == "mask_empty"
    assert "transparen" not in str(exc_info.value)
