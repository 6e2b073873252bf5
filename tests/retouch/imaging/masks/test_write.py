"""Tests of written masks: Pillow decodes them again, and every pixel is compared with the intended value."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from retouch.core.edit_types import EncodedImage
from retouch.imaging.masks.read import read_mask
from retouch.imaging.masks.write import MaskPolarity, write_mask
from tests.retouch.imaging.strategies import build_mask, mask_areas
from tests.support.images import decode_image

MASK_FORMATS = [
    ("alpha", "RGBA"),
    *((paint, mode) for paint in ("white", "black") for mode in ("L", "RGB", "RGBA")),
]
quick_settings = settings(max_examples=40, deadline=None)


def expected_bytes(edit, polarity, mode, soft):
    """Return the expected bytes of the image, computed without the package."""
    levels = [v if soft else 255 * (v >= 128) for v in edit.tobytes()]
    if polarity == "alpha":
        return b"".join(bytes((0, 0, 0, 255 - v)) for v in levels)
    greys = levels if polarity == "white" else [255 - v for v in levels]
    tail = b"\xff" if mode == "RGBA" else b""
    return b"".join(bytes([v] * min(len(mode), 3)) + tail for v in greys)


@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize(("polarity", "mode"), MASK_FORMATS)
@quick_settings
@given(edit=mask_areas())
def test_written_mask_has_expected_pixels_in_every_format(polarity, mode, soft, edit):
    written = write_mask(build_mask(edit), polarity, mode=mode, soft=soft)
    reopened = decode_image(written.data)
    assert (reopened.mode, reopened.size, reopened.format) == (mode, edit.size, "PNG")
    assert (written.format, written.size, written.has_alpha) == ("png", edit.size, mode == "RGBA")
    assert written.data[24] == 8
    assert reopened.tobytes() == expected_bytes(edit, polarity, mode, soft)


@quick_settings
@given(edit=mask_areas(), mask_format=st.sampled_from(MASK_FORMATS))
def test_written_hard_mask_reads_back_unchanged_in_every_format(edit, mask_format):
    polarity, mode = mask_format
    intended = build_mask(edit)
    hard = write_mask(intended, polarity, mode=mode, soft=False)
    reread = read_mask(hard.data, EncodedImage(b"", "png", *edit.size), mode=polarity)
    assert reread.pixels.tobytes() == edit.point(lambda v: 255 * (v >= 128)).tobytes()
    assert (reread.coverage, reread.has_soft_edges) == (intended.coverage, False)


@pytest.mark.parametrize(("polarity", "mode"), MASK_FORMATS)
def test_written_ramp_reads_back_soft_in_every_format(polarity, mode):
    ramp = Image.linear_gradient("L").point(lambda v: 0 if v < 25 else 255 if v > 230 else v)
    soft = write_mask(build_mask(ramp), polarity, mode=mode, soft=True)
    reread = read_mask(soft.data, EncodedImage(b"", "png", *ramp.size), mode=polarity)
    assert reread.has_soft_edges
    assert reread.pixels.tobytes() == ramp.tobytes()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_alpha_mask_in_mode_without_alpha_raises_value_error(mode):
    edit = Image.new("L", (4, 4), 255)
    with pytest.raises(ValueError, match="RGBA"):
        write_mask(build_mask(edit), "alpha", mode=mode, soft=False)


@pytest.mark.parametrize(
    ("mode", "hard_bytes", "soft_bytes"),
    [("L", 5_000, 32_000), ("RGB", 9_000, 46_000), ("RGBA", 9_000, 48_000)],
)
def test_written_mask_files_are_small(mode, hard_bytes, soft_bytes):
    edit = Image.new("L", (1024, 1024))
    ImageDraw.Draw(edit).ellipse((300, 300, 700, 700), fill=255)
    polarity: MaskPolarity = "alpha" if mode == "RGBA" else "white"
    assert len(write_mask(build_mask(edit), polarity, mode=mode, soft=True).data) < hard_bytes
    grey = Image.radial_gradient("L").resize((1024, 1024))
    assert len(write_mask(build_mask(grey), polarity, mode=mode, soft=False).data) < hard_bytes
    assert len(write_mask(build_mask(grey), polarity, mode=mode, soft=True).data) < soft_bytes
