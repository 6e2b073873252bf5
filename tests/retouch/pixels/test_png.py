"""PNG structure; the hostile files in tests/cases/images cover the rest."""

import io
import random
import struct
import zlib
from dataclasses import replace

import pytest
from PIL import Image

from retouch.pixels import png
from retouch.pixels.limits import DEFAULT
from retouch.pixels.png_data import Layout
from retouch.pixels.png_writer import write_png
from retouch.pixels.refusal import UnfitError
from tests.cases.images.build import END, SIGNATURE, chunk, header, lines, noise_lines
from tests.cases.images.build import png as built
from tests.support.pictures import encoded

PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def code(data, limits=DEFAULT):
    with pytest.raises(UnfitError) as caught:
        png.read(data, limits)
    return caught.value.code


def test_every_chunks_checksum_is_verified():
    data = bytearray(built(middle=chunk(b"tEXt", b"k\0value") + chunk(b"gAMA", b"\0\0\xb1\x8f")))
    whole = png.read(bytes(data), DEFAULT)
    assert (whole.width, whole.height) == (8, 8)
    for start, end in [(c.start, c.end + 4) for c in png.chunks(memoryview(data))]:
        for at in (start, end - 1):
            data[at] ^= 1
            assert code(bytes(data)) == "image_parse_error"
            data[at] ^= 1


def test_damage_beyond_the_sample_is_found_by_its_checksum():
    image = Image.frombytes("RGB", (400, 400), random.Random(1).randbytes(480_000))
    data = bytearray(encoded(image))
    png.read(bytes(data), DEFAULT)
    data[-5000] ^= 1
    assert code(bytes(data)) == "image_parse_error"


@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize("missing", [0, 1])
def test_small_pictures_are_checked_to_the_last_line(interlace, missing):
    layout = Layout(13, 11, 8, 6, bool(interlace))
    total = sum(stride * count for stride, count in layout.passes())
    body = zlib.compress(bytes(total - missing))
    data = SIGNATURE + header(13, 11, interlace=interlace) + chunk(b"IDAT", body) + END
    if missing:
        assert code(data) == "image_truncated"
    else:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            image.load()
        assert png.read(data, DEFAULT).width == 13


@pytest.mark.parametrize("bad", range(8))
def test_no_line_may_have_an_unknown_filter(bad):
    body = b"".join((b"\x05" if y == bad else b"\x04") + bytes(32) for y in range(8))
    data = SIGNATURE + header(8, 8) + chunk(b"IDAT", zlib.compress(body)) + END
    assert code(data) == "image_parse_error"


@pytest.mark.parametrize(
    "middle",
    [
        lines(8, 8) + chunk(b"tEXt", b"k\0v") + lines(8, 8),
        chunk(b"PLTE", bytes(3)) * 2 + lines(8, 8),
        chunk(b"ABCD") + lines(8, 8),
        chunk(b"1DAT") + lines(8, 8),
    ],
    ids=["scattered", "two palettes", "unknown and critical", "not a chunk"],
)
def test_the_order_of_chunks_matters(middle):
    assert code(SIGNATURE + header(8, 8) + middle + END) == "image_parse_error"


def test_limits_hold_at_the_limit_and_not_beyond():
    ok = replace(DEFAULT, side=8, pixels=64, ancillary_chunks=2, pieces=5, text_bytes=100)
    packed = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(60)))
    data = built(middle=packed + chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(40))))
    png.read(data, ok)
    assert code(data, replace(ok, side=7)) == "image_too_large"
    assert code(data, replace(ok, pixels=63)) == "image_too_large"
    for name in ("ancillary_chunks", "pieces", "text_bytes"):
        less = replace(ok, **{name: getattr(ok, name) - 1})
        assert code(data, less) == "image_metadata_too_large"


def test_compressed_text_is_counted_wherever_it_hides():
    stream = zlib.compress(bytes(101))
    small = replace(DEFAULT, text_bytes=100)
    for kind, start in ((b"zTXt", b"k\0\0"), (b"iCCP", b"k\0\0"), (b"iTXt", b"k\0\1\0de\0K\0")):
        assert code(built(middle=chunk(kind, start + stream)), small) == "image_metadata_too_large"
    plain = built(middle=chunk(b"iTXt", b"k\0\0\0\0\0" + bytes(500)) + chunk(b"zTXt", b"junk"))
    png.read(plain, small)


def test_millions_of_empty_chunks_cost_little():
    data = SIGNATURE + header(8, 8) + chunk(b"IDAT") * 300_000 + lines(8, 8) + END
    assert code(data) == "image_metadata_too_large"


def test_transparency_and_orientation_are_read():
    plain = built(colour=2, pixel=b"abc")
    assert not png.read(plain, DEFAULT).has_alpha
    keyed = built(colour=2, pixel=b"abc", middle=chunk(b"tRNS", bytes(6)))
    assert png.read(keyed, DEFAULT).has_alpha
    turned = struct.pack("<4sIHHHIHH", b"II*\0", 8, 1, 0x0112, 3, 1, 6, 0)
    found = png.read(built(4, 8, middle=chunk(b"eXIf", turned)), DEFAULT)
    assert (found.orientation, found.displayed) == (6, (8, 4))


def test_essence_keeps_colour_and_drops_words():
    kept = chunk(b"gAMA", b"\0\0\xb1\x8f") + chunk(b"tRNS", bytes(6))
    dropped = chunk(b"tEXt", b"k\0secret") + chunk(b"eXIf", b"II*\0")
    full = built(colour=2, pixel=b"abc", middle=kept + dropped, tail=b"trailing")
    assert png.essence(full) == built(colour=2, pixel=b"abc", middle=kept)


def test_noise_in_many_chunks_reads_the_same():
    body = zlib.compress(noise_lines(64, 64, 2))
    pieces = b"".join(chunk(b"IDAT", body[at : at + 100]) for at in range(0, len(body), 100))
    assert png.read(SIGNATURE + header(64, 64) + pieces + END, DEFAULT).height == 64


@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 300)])
def test_the_mask_writer_writes_what_decoders_read(size, mode, soft):
    noise = random.Random(3).randbytes(size[0] * size[1] * len(mode))
    data = write_png(size, mode, Image.frombytes(mode, size, noise).crop, soft=soft)
    png.read(data, DEFAULT)
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        assert (image.mode, image.size) == (mode, size)
        assert image.tobytes() == noise


def test_profiles_are_read_whatever_state_they_are_in():
    packed = chunk(b"iCCP", b"name\0\0" + zlib.compress(b"profile!"))
    full = built(colour=2, pixel=b"abc", middle=packed)
    assert png.profile(full) == b"profile!"
    assert png.profile(built(middle=chunk(b"iCCP", b"name\0\0junk"))) == b""
    assert png.profile(built(middle=chunk(b"iCCP", b"name"))) == b""
    assert png.profile(built()) == b""
    assert png.essence(full) == full
    assert png.essence(full, profile=False) == built(colour=2, pixel=b"abc")


def test_sixteen_bits_are_not_ordinary():
    assert png.ordinary(built())
    assert not png.ordinary(built(depth=16, colour=0, pixel=b"ab"))


SECRET = b"51.5N 0.1W and more than that"


@pytest.mark.parametrize(
    "kind", [b"gAMA", b"cHRM", b"sRGB", b"cICP", b"sBIT", b"PLTE", b"tEXt", b"eXIf", b"prVt"]
)
def test_no_chunk_is_a_hiding_place(kind):
    body = SECRET * (2 if kind == b"cHRM" else 1) + bytes(kind == b"PLTE")
    full = built(colour=2, pixel=b"abc", middle=chunk(kind, body))
    assert png.essence(full) == built(colour=2, pixel=b"abc")


def test_the_end_is_empty():
    plain = built(colour=2, pixel=b"abc")
    full = plain.removesuffix(END) + chunk(b"IEND", SECRET)
    png.read(full, DEFAULT)
    assert png.essence(full) == plain


def test_palettes_are_kept_where_they_are_needed():
    data = encoded(Image.linear_gradient("L").quantize(7), transparency=bytes((0, 9, 255)))
    assert png.essence(data) == data


def test_full_colour_is_red_green_blue_and_alpha():
    modes = {mode: png.full_colour(encoded(Image.new(mode, (3, 2)))) for mode in PNG_MODES}
    assert [mode for mode, found in modes.items() if found] == ["RGBA"]
