"""Tests of GIF structure."""

import subprocess
import sys
from dataclasses import replace

import pytest
from PIL import Image

from retouch.imaging.codec import decode
from retouch.imaging.errors import InvalidImage
from retouch.imaging.formats import gif
from retouch.imaging.limits import DEFAULT_LIMITS
from tests.retouch.imaging.samples import sample_bytes, sample_in_mode
from tests.support.images import channel_values, encode_image

GIF = sample_bytes("gif")
IMAGE_START = 13 + 768
COMMENT = b"\x21\xfe\x06secret\0"


def rejection_code(data, limits=DEFAULT_LIMITS):
    with pytest.raises(InvalidImage) as exc_info:
        gif.check_structure(data, limits)
    return exc_info.value.code


def animated_gif(frames):
    images = [sample_in_mode("RGB", (20, 10 + n)).quantize(8) for n in range(frames)]
    return encode_image(images[0], "GIF", save_all=True, append_images=images[1:])


def move_frame(data, left, top, screen=None):
    """Return the GIF with its frame at another place of the screen."""
    start = data.index(b",", IMAGE_START)
    moved = bytearray(data)
    moved[start + 1 : start + 5] = left.to_bytes(2, "little") + top.to_bytes(2, "little")
    if screen:
        moved[6:10] = screen[0].to_bytes(2, "little") + screen[1].to_bytes(2, "little")
    return bytes(moved)


@pytest.mark.parametrize(
    ("kind", "alpha"), [("gif", False), ("gif-transparent", True), ("gif-interlaced", False)]
)
def test_gif_header_is_read(kind, alpha):
    header = gif.check_structure(sample_bytes(kind), DEFAULT_LIMITS)
    assert (header.width, header.height, header.has_alpha) == (45, 30, alpha)


@pytest.mark.parametrize("frames", [2, 3, 50])
def test_gif_with_more_frames_is_rejected_as_animated(frames):
    assert rejection_code(animated_gif(frames)) == "image_animated"


def test_gif_cut_inside_its_blocks_is_truncated():
    for end in range(IMAGE_START + 11, len(GIF) - 1):
        assert rejection_code(GIF[:end]) == "image_truncated"


def test_gif_without_trailer_is_accepted():
    assert gif.check_structure(GIF[:-1], DEFAULT_LIMITS).width == 45


@pytest.mark.parametrize("data", [b"GIF89a", GIF[:13], GIF[:IMAGE_START], GIF[:IMAGE_START] + b";"])
def test_gif_without_image_is_damaged(data):
    assert rejection_code(data) in ("image_parse_error", "image_truncated")


def test_data_that_is_not_a_block_is_damaged():
    assert rejection_code(GIF[:IMAGE_START] + b"\0" + GIF[IMAGE_START:]) == "image_parse_error"


def test_impossible_code_size_is_damaged():
    damaged = bytearray(GIF)
    damaged[GIF.index(b",", IMAGE_START) + 10] = 12
    assert rejection_code(bytes(damaged)) == "image_parse_error"


def test_gif_limits_are_exact():
    ok = replace(DEFAULT_LIMITS, side=45, pixels=45 * 30)
    gif.check_structure(GIF, ok)
    assert rejection_code(GIF, replace(ok, side=44)) == "image_too_large"
    assert rejection_code(GIF, replace(ok, pixels=45 * 30 - 1)) == "image_too_large"


def test_frame_outside_a_huge_screen_is_too_large():
    assert rejection_code(move_frame(GIF, 65_000, 0)) == "image_too_large"
    assert rejection_code(move_frame(GIF, 0, 0, (65_535, 65_535))) == "image_too_large"


def test_gif_of_many_small_blocks_is_rejected():
    blocks = COMMENT.replace(b"\x06secret", b"\x01s" * 200_000)
    data = GIF[:IMAGE_START] + blocks + GIF[IMAGE_START:]
    assert rejection_code(data) == "image_metadata_too_large"


def test_partial_frame_is_placed_on_a_transparent_screen():
    data = move_frame(GIF, 5, 7, (60, 40))
    assert gif.check_structure(data, DEFAULT_LIMITS).has_alpha
    image = decode(data)
    assert (image.mode, image.size) == ("RGBA", (60, 40))
    assert channel_values(image, (4, 7))[3] == 0
    assert image.crop((5, 7, 50, 37)).convert("RGB").tobytes() == decode(GIF).tobytes()


def test_partial_frame_is_placed_in_several_bands(monkeypatch):
    monkeypatch.setattr("retouch.imaging.masks.regions._MAX_BAND_PIXELS", 45 * 4)
    image = decode(move_frame(GIF, 5, 7, (60, 40)))
    assert image.getchannel("A").getbbox() == (5, 7, 50, 37)
    assert image.crop((5, 7, 50, 37)).convert("RGB").tobytes() == decode(GIF).tobytes()


def test_large_partial_frame_is_decoded_without_a_second_rgba_copy(tmp_path):
    """The process is a new one, because the kernel reports the peak of its whole life."""
    data = encode_image(Image.new("P", (5000, 5000)), "GIF")
    path = tmp_path / "partial.gif"
    path.write_bytes(data[:8] + (5001).to_bytes(2, "little") + data[10:])  # a taller screen
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from retouch.imaging.decoders import gif\n"
        "from tests.support.peak_memory import peak_mb\n"
        "data, before = Path(sys.argv[1]).read_bytes(), peak_mb()\n"
        "gif.load(data)\n"
        "print(peak_mb() - before)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert int(process.stdout) < 180  # 25 MB of the frame, 100 MB of the screen


def test_frame_beyond_the_screen_extends_it():
    assert gif.check_structure(move_frame(GIF, 10, 0), DEFAULT_LIMITS).displayed_size == (55, 30)


def test_strip_metadata_removes_comments_and_keeps_pixels():
    data = GIF[:IMAGE_START] + COMMENT + GIF[IMAGE_START:] + b"trailing"
    stripped = gif.strip_metadata(data)
    assert b"secret" not in stripped
    assert b"trailing" not in stripped
    assert decode(stripped).tobytes() == decode(GIF).tobytes()


def test_transparency_survives_strip_metadata():
    data = sample_bytes("gif-transparent")
    assert decode(gif.strip_metadata(data)).tobytes() == decode(data).tobytes()
    assert decode(data).getchannel("A").getextrema() == (0, 255)


def test_local_colour_table_is_used():
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 10, 20])
    data = encode_image(image, "GIF")
    start = data.index(b",", 13)
    table = data[13:start]
    local = (
        data[:10] + b"\0" + data[11:13] + data[start : start + 9] + bytes((0x80 | data[10] & 7,))
    )
    local += table + data[start + 10 :]
    assert set(decode(local).get_flattened_data()) == {(200, 10, 20)}
