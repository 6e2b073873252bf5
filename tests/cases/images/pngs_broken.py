"""PNG files that break the format's own rules."""

import struct
import zlib

from tests.cases.images.build import (
    END,
    SIGNATURE,
    chunk,
    header,
    header_data,
    lines,
    noise_lines,
    png,
)
from tests.cases.images.case import COR, FMT, PIX, Made


def cases():
    yield from _data()
    yield from _chunks()
    yield from _headers()
    yield from _cut()
    yield from _mangled()


def _data():
    start = SIGNATURE + header(8, 8)
    yield Made("png_idat_missing.png", start + END, "reject", COR)
    data = start + chunk(b"IDAT", b"\x00\x11\x22\x33") + END
    yield Made("png_idat_not_zlib.png", data, "reject", COR)
    data = start + chunk(b"IDAT", zlib.compress((b"\x09" + b"abcd" * 8) * 8)) + END
    yield Made("png_bad_filter_type.png", data, "reject", COR)
    data = start + chunk(b"IDAT", zlib.compress((b"\0" + b"abcd" * 8) * 7)) + END
    yield Made("png_last_line_missing.png", data, "reject", COR, "seven lines of eight")
    data = SIGNATURE + header(8, 8, interlace=1) + lines(8, 8) + END
    yield Made("png_interlaced_header_plain_data.png", data, "either", COR)


def _chunks():
    plain = chunk(b"IDAT", zlib.compress((b"\0" + b"abcd" * 8) * 8), crc=7)
    data = SIGNATURE + chunk(b"IHDR", header_data(8, 8), crc=1) + lines(8, 8) + END
    yield Made("png_crc_bad_ihdr.png", data, "reject", COR)
    data = SIGNATURE + header(8, 8) + plain + END
    yield Made("png_crc_bad_idat.png", data, "either", COR, "decoders differ")
    yield Made("png_no_iend.png", SIGNATURE + header(8, 8) + lines(8, 8), "either", COR)
    data = SIGNATURE + header(8, 8) + struct.pack(">I", 0x7FFFFFFF) + b"IDATabc"
    yield Made("png_chunk_length_huge.png", data, "reject", COR)
    data = SIGNATURE + header(8, 8) + header(9000, 9000) + lines(8, 8) + END
    yield Made("png_two_ihdr.png", data, "either", (*COR, *PIX))


def _headers():
    data = SIGNATURE + header(8, 8, 8, 5) + lines(8, 8) + END
    yield Made("png_bad_colour_type.png", data, "reject", COR)
    data = SIGNATURE + header(8, 8, 3, 6) + lines(8, 8) + END
    yield Made("png_bad_bit_depth.png", data, "reject", COR)
    start = SIGNATURE + header(8, 8, 8, 3)
    data = start + chunk(b"PLTE", bytes(6)) + lines(8, 8, b"\xfe") + END
    yield Made("png_palette_index_out_of_range.png", data, "either", COR)
    yield Made("png_palette_missing.png", start + lines(8, 8, b"\0") + END, "either", COR)
    data = SIGNATURE + chunk(b"CgBI", b"\x50\0\x20\x02") + header(8, 8) + lines(8, 8) + END
    yield Made("png_cgbi.png", data, "reject", COR, "what iOS apps are packed with")


def _cut():
    packed = zlib.compress(noise_lines(64, 64, 3))
    whole = SIGNATURE + header(64, 64) + chunk(b"IDAT", packed) + END
    for at in (8, 33, len(whole) - 200):
        yield Made(f"png_cut_at_{at}.png", whole[:at], "reject", (*COR, *FMT))


def _mangled():
    faults = (*FMT, *COR)
    data = png().replace(b"\n", b"\r\n")
    yield Made("png_crlf_mangled.png", data, "reject", faults, "a text-mode transfer")
    yield Made("png_utf8_bom.png", b"\xef\xbb\xbf" + png(), "reject", faults)
