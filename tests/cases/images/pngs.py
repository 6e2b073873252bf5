"""Complete but unusual PNG files: decompression bombs, metadata, rare pixel formats, animations."""

import struct
import zlib

from tests.cases.images.build import (
    IEND_CHUNK,
    SECRETS,
    SIGNATURE,
    chunk,
    header,
    image_data,
    noise_lines,
    png,
    zlib_bomb,
)
from tests.cases.images.case import CORRUPT, TOO_MANY_PIXELS, CaseSpec

_FRAME_DATA = zlib.compress((b"\0" + b"zzzz" * 8) * 8)


def cases():
    yield from _valid_files()
    yield from _large_files()
    yield from _metadata_files()
    yield from _animated_files()


def _valid_files():
    yield CaseSpec("png_rgba_8x8.png", png(), "accept", note="baseline", displayed_size=(8, 8))
    yield CaseSpec("png_1x1.png", png(1, 1), "accept", note="smallest", displayed_size=(1, 1))
    yield CaseSpec("png_rgb.png", png(colour=2, pixel=b"abc"), "accept")
    yield CaseSpec("png_gray_alpha.png", png(colour=4, pixel=b"ab"), "accept")
    yield CaseSpec("png_gray16.png", png(colour=0, depth=16, pixel=b"\x80\0"), "accept")
    yield CaseSpec(
        "png_idat_php.png", png(pixel=b"<?=`"), "accept", note="the PHP tag is only pixel data"
    )
    compressed = zlib.compress(noise_lines(64, 39, 1))
    chunks = b"".join(chunk(b"IDAT", compressed[at : at + 1]) for at in range(len(compressed)))
    data = SIGNATURE + header(64, 39) + chunks + IEND_CHUNK
    yield CaseSpec("png_idat_10000_pieces.png", data, "accept", note="one byte per chunk")


def _large_files():
    data = SIGNATURE + header(65535, 65535) + IEND_CHUNK
    yield CaseSpec(
        "png_header_only_65535x65535.png",
        data,
        "reject",
        TOO_MANY_PIXELS,
        "refused from the header",
    )
    data = SIGNATURE + header(2**31 - 1, 2**31 - 1) + image_data(1, 1) + IEND_CHUNK
    yield CaseSpec("png_header_max.png", data, "reject", TOO_MANY_PIXELS)
    data = SIGNATURE + header(2**32 - 1, 1) + image_data(1, 1) + IEND_CHUNK
    yield CaseSpec("png_header_over_max.png", data, "reject", TOO_MANY_PIXELS)
    tiny = chunk(b"IDAT", zlib.compress(b"\0\0"))
    data = SIGNATURE + header(1, 50_000_001, 1, 0) + tiny + IEND_CHUNK
    yield CaseSpec(
        "png_strip_1x50000001.png", data, "reject", TOO_MANY_PIXELS, "one pixel over the limit"
    )
    data = png(20000, 10, colour=0, pixel=b"a")
    yield CaseSpec("png_side_20000x10.png", data, "either", ("dimension_too_large",))
    data = SIGNATURE + header(8, 8) + chunk(b"IDAT", zlib_bomb(200)) + IEND_CHUNK
    yield CaseSpec(
        "png_idat_too_long.png", data, "either", (*CORRUPT, "too_large"), "inflates to 200 MB"
    )


def _metadata_files():
    faults = (*CORRUPT, "metadata_too_large")
    note = "inflates to 150 MB"
    stream = zlib_bomb(150, b"A")
    for kind, data in (
        ("ztxt", chunk(b"zTXt", b"k\0\0" + stream)),
        ("itxt", chunk(b"iTXt", b"k\0\1\0\0\0" + stream)),
        ("iccp", chunk(b"iCCP", b"k\0\0" + stream)),
    ):
        yield CaseSpec(f"png_{kind}_bomb.png", png(middle=data), "either", faults, note)
    text = chunk(b"tEXt", b"Comment\0<script>alert(1)</script>")
    yield CaseSpec("png_text_markup.png", png(middle=text), "accept", secrets=SECRETS)
    html = b"<html><script>alert(1)</script></html>"
    yield CaseSpec("png_then_html.png", png(tail=html), "accept", secrets=SECRETS)
    data = png(middle=chunk(b"tEXt", b"k\0v") * 1000)
    yield CaseSpec("png_1000_texts.png", data, "accept", note="at the limit")
    data = png(middle=chunk(b"tEXt", b"k\0v") * 1001)
    yield CaseSpec(
        "png_1001_texts.png", data, "reject", ("metadata_too_large",), "one over the limit"
    )
    data = png(middle=chunk(b"tEXt", b"k\0v") * 100_000)
    yield CaseSpec("png_100000_texts.png", data, "reject", ("metadata_too_large",), max_ms=500)


def _animated_files():
    faults = ("too_many_frames",)
    control = chunk(b"acTL", struct.pack(">II", 2, 0))
    frames = (
        _frame_control(0)
        + image_data(8, 8)
        + _frame_control(1)
        + chunk(b"fdAT", b"\0\0\0\2" + _FRAME_DATA)
    )
    data = SIGNATURE + header(8, 8) + control + frames + IEND_CHUNK
    yield CaseSpec(
        "apng_2_frames.png", data, "either", faults, "frame 0 or a refusal, never all frames"
    )
    control = chunk(b"acTL", struct.pack(">II", 0xFFFFFFFF, 0))
    data = SIGNATURE + header(8, 8) + control + image_data(8, 8) + IEND_CHUNK
    yield CaseSpec(
        "apng_claims_4_billion_frames.png", data, "either", (*faults, *CORRUPT), max_ms=1000
    )


def _frame_control(number):
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, 8, 8, 0, 0, 1, 10, 0, 0))
