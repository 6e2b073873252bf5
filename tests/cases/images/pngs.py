"""PNG files that are whole but strange: bombs, metadata, odd kinds, animations."""

import struct
import zlib

from tests.cases.images.build import (
    END,
    SECRETS,
    SIGNATURE,
    bomb,
    chunk,
    header,
    lines,
    noise_lines,
    png,
)
from tests.cases.images.case import COR, PIX, Made

_FRAME = zlib.compress((b"\0" + b"zzzz" * 8) * 8)


def cases():
    yield from _plain()
    yield from _large()
    yield from _metadata()
    yield from _animated()


def _plain():
    yield Made("png_rgba_8x8.png", png(), "accept", note="baseline", size=(8, 8))
    yield Made("png_1x1.png", png(1, 1), "accept", note="smallest", size=(1, 1))
    yield Made("png_rgb.png", png(colour=2, pixel=b"abc"), "accept")
    yield Made("png_gray_alpha.png", png(colour=4, pixel=b"ab"), "accept")
    yield Made("png_gray16.png", png(colour=0, depth=16, pixel=b"\x80\0"), "accept")
    yield Made("png_idat_php.png", png(pixel=b"<?=`"), "accept", note="only pixels")
    packed = zlib.compress(noise_lines(64, 39, 1))
    pieces = b"".join(chunk(b"IDAT", packed[at : at + 1]) for at in range(len(packed)))
    data = SIGNATURE + header(64, 39) + pieces + END
    yield Made("png_idat_10000_pieces.png", data, "accept", note="one byte per chunk")


def _large():
    data = SIGNATURE + header(65535, 65535) + END
    yield Made("png_header_only_65535x65535.png", data, "reject", PIX, "refused from the header")
    data = SIGNATURE + header(2**31 - 1, 2**31 - 1) + lines(1, 1) + END
    yield Made("png_header_max.png", data, "reject", PIX)
    data = SIGNATURE + header(2**32 - 1, 1) + lines(1, 1) + END
    yield Made("png_header_over_max.png", data, "reject", PIX)
    tiny = chunk(b"IDAT", zlib.compress(b"\0\0"))
    data = SIGNATURE + header(1, 50_000_001, 1, 0) + tiny + END
    yield Made("png_strip_1x50000001.png", data, "reject", PIX, "over the limit by one")
    data = png(20000, 10, colour=0, pixel=b"a")
    yield Made("png_side_20000x10.png", data, "either", ("dimension_too_large",))
    data = SIGNATURE + header(8, 8) + chunk(b"IDAT", bomb(200)) + END
    yield Made("png_idat_too_long.png", data, "either", (*COR, "too_large"), "inflates to 200 MB")


def _metadata():
    faults = (*COR, "metadata_too_large")
    note = "inflates to 150 MB"
    stream = bomb(150, b"A")
    for kind, data in (
        ("ztxt", chunk(b"zTXt", b"k\0\0" + stream)),
        ("itxt", chunk(b"iTXt", b"k\0\1\0\0\0" + stream)),
        ("iccp", chunk(b"iCCP", b"k\0\0" + stream)),
    ):
        yield Made(f"png_{kind}_bomb.png", png(middle=data), "either", faults, note)
    text = chunk(b"tEXt", b"Comment\0<script>alert(1)</script>")
    yield Made("png_text_markup.png", png(middle=text), "accept", secrets=SECRETS)
    html = b"<html><script>alert(1)</script></html>"
    yield Made("png_then_html.png", png(tail=html), "accept", secrets=SECRETS)
    data = png(middle=chunk(b"tEXt", b"k\0v") * 1000)
    yield Made("png_1000_texts.png", data, "accept", note="at the limit")
    data = png(middle=chunk(b"tEXt", b"k\0v") * 1001)
    yield Made("png_1001_texts.png", data, "reject", ("metadata_too_large",), "one over it")
    data = png(middle=chunk(b"tEXt", b"k\0v") * 100_000)
    yield Made("png_100000_texts.png", data, "reject", ("metadata_too_large",), max_ms=500)


def _animated():
    faults = ("too_many_frames",)
    control = chunk(b"acTL", struct.pack(">II", 2, 0))
    frames = _frame(0) + lines(8, 8) + _frame(1) + chunk(b"fdAT", b"\0\0\0\2" + _FRAME)
    data = SIGNATURE + header(8, 8) + control + frames + END
    yield Made("apng_2_frames.png", data, "either", faults, "frame 0 or none, never all")
    control = chunk(b"acTL", struct.pack(">II", 0xFFFFFFFF, 0))
    data = SIGNATURE + header(8, 8) + control + lines(8, 8) + END
    yield Made("apng_claims_4_billion_frames.png", data, "either", (*faults, *COR), max_ms=1000)


def _frame(number):
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, 8, 8, 0, 0, 1, 10, 0, 0))
