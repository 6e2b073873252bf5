"""What is written is decoded again, by Pillow, and compared pixel by pixel with what was meant."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from retouch.messages import Picture
from retouch.pixels.mask import read_mask
from retouch.pixels.mask_out import write_mask
from tests.retouch.pixels.strategies import edits, mask
from tests.support.pictures import opened

DIALECTS = [
    ("alpha", "RGBA"),
    *((paint, mode) for paint in ("white", "black") for mode in ("L", "RGB", "RGBA")),
]
quick = settings(max_examples=40, deadline=None)


def expected(edit, paint, mode, soft):
    """The bytes of the image, by hand."""
    levels = [v if soft else 255 * (v >= 128) for v in edit.tobytes()]
    if paint == "alpha":
        return b"".join(bytes((0, 0, 0, 255 - v)) for v in levels)
    greys = levels if paint == "white" else [255 - v for v in levels]
    tail = b"\xff" if mode == "RGBA" else b""
    return b"".join(bytes([v] * min(len(mode), 3)) + tail for v in greys)


@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize(("paint", "mode"), DIALECTS)
@quick
@given(edit=edits())
def test_every_dialect_says_what_is_meant(paint, mode, soft, edit):
    made = write_mask(mask(edit), paint, mode=mode, soft=soft)
    found = opened(made.data)
    assert (found.mode, found.size, found.format) == (mode, edit.size, "PNG")
    assert (made.format, made.size, made.has_alpha) == ("png", edit.size, mode == "RGBA")
    assert made.data[24] == 8
    assert found.tobytes() == expected(edit, paint, mode, soft)


@quick
@given(edit=edits(), dialect=st.sampled_from(DIALECTS))
def test_every_dialect_reads_back_the_same(edit, dialect):
    paint, mode = dialect
    meant = mask(edit)
    against = Picture(b"", "png", *edit.size)
    soft = write_mask(meant, paint, mode=mode, soft=True)
    again = read_mask(soft.data, against, mode=paint)
    assert again.edit.tobytes() == edit.tobytes()
    assert (again.coverage, again.soft) == (meant.coverage, meant.soft)
    hard = write_mask(meant, paint, mode=mode, soft=False)
    again = read_mask(hard.data, against, mode=paint)
    assert again.edit.tobytes() == edit.point(lambda v: 255 * (v >= 128)).tobytes()
    assert (again.coverage, again.soft) == (meant.coverage, False)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_alpha_needs_a_mode_that_has_it(mode):
    edit = Image.new("L", (4, 4), 255)
    with pytest.raises(ValueError, match="RGBA"):
        write_mask(mask(edit), "alpha", mode=mode, soft=False)


@pytest.mark.parametrize(
    ("mode", "hard_bytes", "soft_bytes"),
    [("L", 5_000, 32_000), ("RGB", 9_000, 46_000), ("RGBA", 9_000, 48_000)],
)
def test_masks_are_small(mode, hard_bytes, soft_bytes):
    edit = Image.new("L", (1024, 1024))
    ImageDraw.Draw(edit).ellipse((300, 300, 700, 700), fill=255)
    paint = "alpha" if mode == "RGBA" else "white"
    assert len(write_mask(mask(edit), paint, mode=mode, soft=True).data) < hard_bytes
    grey = Image.radial_gradient("L").resize((1024, 1024))
    assert len(write_mask(mask(grey), paint, mode=mode, soft=False).data) < hard_bytes
    assert len(write_mask(mask(grey), paint, mode=mode, soft=True).data) < soft_bytes
