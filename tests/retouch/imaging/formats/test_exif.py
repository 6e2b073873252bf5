import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.imaging.formats.exif import read_orientation


def exif_block(value, byte_order="<", kind=3, tag=0x0112, entries=1, offset=8):
    signature = b"II*\0" if byte_order == "<" else b"MM\0*"
    entry = struct.pack(
        byte_order + ("HHIHH" if kind == 3 else "HHII"), tag, kind, 1, value, *[0][: kind == 3]
    )
    return signature + struct.pack(byte_order + "IH", offset, entries) + entry + b"\0\0\0\0"


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", [3, 4])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_orientation_is_read_in_both_byte_orders(value, order, kind, prefix):
    assert read_orientation(prefix + exif_block(value, order, kind)) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Exif\0\0",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        exif_block(0),
        exif_block(9),
        exif_block(65535),
        exif_block(6, kind=4)[:-9],
        exif_block(6, tag=0x0111),
        exif_block(6, offset=0),
        exif_block(6, offset=4_000_000_000),
    ],
)
def test_invalid_exif_gives_orientation_1(data):
    assert read_orientation(data) == 1


def test_directory_with_too_large_count_is_read_as_far_as_present():
    assert read_orientation(exif_block(6, entries=65535)) == 6


@given(st.binary(max_size=80), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
def test_random_bytes_give_a_valid_orientation(noise, start):
    assert 1 <= read_orientation(start + noise) <= 8
