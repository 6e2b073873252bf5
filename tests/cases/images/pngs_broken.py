"""PNG files that violate the PNG specification."""

import struct
import zlib

from tests.cases.images.build import (
    IEND_CHUNK,
    SIGNATURE,
    chunk,
    header,
    header_data,
    image_data,
    noise_lines,
    png,
)
from tests.cases.images.case import CORRUPT, TOO_MANY_PIXELS, WRONG_FORMAT, CaseSpec


def cases():
    yield from _image_data_errors()
    yield from _chunk_errors()
    yield from _header_errors()
    yield from _truncated_files()
    yield from _mangled_files()


def _image_data_errors():
    start = SIGNATURE + header(8, 8)
    yield CaseSpec("png_idat_missing.png", start + IEND_CHUNK, "reject", CORRUPT)
    data = start + chunk(b"IDAT", b"\x00\x11\x22\x33") + IEND_CHUNK
    yield CaseSpec("png_idat_not_zlib.png", data, "reject", CORRUPT)
    data = start + chunk(b"IDAT", zlib.compress((b"\x09" + b"abcd" * 8) * 8)) + IEND_CHUNK
    yield CaseSpec("png_bad_filter_type.png", data, "reject", CORRUPT)
    data = start + chunk(b"IDAT", zlib.compress((b"\0" + b"abcd" * 8) * 7)) + IEND_CHUNK
    yield CaseSpec("png_last_line_missing.png", data, "reject", CORRUPT, "seven lines of eight")
    data = SIGNATURE + header(8, 8, interlace=1) + image_data(8, 8) + IEND_CHUNK
    yield CaseSpec("png_interlaced_header_plain_data.png", data, "either", CORRUPT)


def _chunk_errors():
    bad_crc_chunk = chunk(b"IDAT", zlib.compress((b"\0" + b"abcd" * 8) * 8), crc=7)
    data = SIGNATURE + chunk(b"IHDR", header_data(8, 8), crc=1) + image_data(8, 8) + IEND_CHUNK
    yield CaseSpec("png_crc_bad_ihdr.png", data, "reject", CORRUPT)
    data = SIGNATURE + header(8, 8) + bad_crc_chunk + IEND_CHUNK
    yield CaseSpec("png_crc_bad_idat.png", data, "either", CORRUPT, "decoders differ")
    yield CaseSpec(
        "png_no_iend.png", SIGNATURE + header(8, 8) + image_data(8, 8), "either", CORRUPT
    )
    data = SIGNATURE + header(8, 8) + struct.pack(">I", 0x7FFFFFFF) + b"IDATabc"
    yield CaseSpec("png_chunk_length_huge.png", data, "reject", CORRUPT)
    data = SIGNATURE + header(8, 8) + header(9000, 9000) + image_data(8, 8) + IEND_CHUNK
    yield CaseSpec("png_two_ihdr.png", data, "either", (*CORRUPT, *TOO_MANY_PIXELS))


def _header_errors():
    data = SIGNATURE + header(8, 8, 8, 5) + image_data(8, 8) + IEND_CHUNK
    yield CaseSpec("png_bad_colour_type.png", data, "reject", CORRUPT)
    data = SIGNATURE + header(8, 8, 3, 6) + image_data(8, 8) + IEND_CHUNK
    yield CaseSpec("png_bad_bit_depth.png", data, "reject", CORRUPT)
    start = SIGNATURE + header(8, 8, 8, 3)
    data = start + chunk(b"PLTE", bytes(6)) + image_data(8, 8, b"\xfe") + IEND_CHUNK
    yield CaseSpec("png_palette_index_out_of_range.png", data, "either", CORRUPT)
    yield CaseSpec(
        "png_palette_missing.png", start + image_data(8, 8, b"\0") + IEND_CHUNK, "either", CORRUPT
    )
    data = (
        SIGNATURE + chunk(b"CgBI", b"\x50\0\x20\x02") + header(8, 8) + image_data(8, 8) + IEND_CHUNK
    )
    yield CaseSpec(
        "png_cgbi.png", data, "reject", CORRUPT, "the variant that Xcode writes into iOS apps"
    )


def _truncated_files():
    compressed = zlib.compress(noise_lines(64, 64, 3))
    complete_file = SIGNATURE + header(64, 64) + chunk(b"IDAT", compressed) + IEND_CHUNK
    for at in (8, 33, len(complete_file) - 200):
        yield CaseSpec(
            f"png_cut_at_{at}.png", complete_file[:at], "reject", (*CORRUPT, *WRONG_FORMAT)
        )


def _mangled_files():
    faults = (*WRONG_FORMAT, *CORRUPT)
    data = png().replace(b"\n", b"\r\n")
    yield CaseSpec("png_crlf_mangled.png", data, "reject", faults, "a text-mode transfer")
    yield CaseSpec("png_utf8_bom.png", b"\xef\xbb\xbf" + png(), "reject", faults)
