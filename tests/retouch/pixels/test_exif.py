import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.pixels.exif import orientation


def block(value, order="<", kind=3, tag=0x0112, entries=1, at=8):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(
        order + ("HHIHH" if kind == 3 else "HHII"), tag, kind, 1, value, *[0][: kind == 3]
    )
    return mark + struct.pack(order + "IH", at, entries) + entry + b"\0\0\0\0"


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", [3, 4])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_all_eight_in_both_byte_orders(value, order, kind, prefix):
    assert orientation(prefix + block(value, order, kind)) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Exif\0\0",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        block(0),
        block(9),
        block(65535),
        block(6, kind=4)[:-9],
        block(6, tag=0x0111),
        block(6, at=0),
        block(6, at=4_000_000_000),
    ],
)
def test_anything_else_is_upright(data):
    assert orientation(data) == 1


def test_a_directory_that_claims_too_much_is_read_as_far_as_it_goes():
    assert orientation(block(6, entries=65535)) == 6


@given(st.binary(max_size=80), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
def test_noise_gives_an_orientation(noise, start):
    assert 1 <= orientation(start + noise) <= 8
