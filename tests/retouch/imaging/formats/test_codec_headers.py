"""Tests of the sizes in the headers of HEVC and AV1 data."""

import pytest

from retouch.imaging.errors import InvalidImage
from retouch.imaging.formats.codec_headers import iter_av1_sizes, iter_hevc_sizes
from retouch.imaging.formats.iso_bmff import item_bytes, read_items
from retouch.imaging.limits import DEFAULT_LIMITS
from tests.retouch.imaging.samples import sample_in_mode
from tests.support.images import encode_image


class BitWriter:
    """Writes the bits of a header."""

    def __init__(self):
        self.bits = ""

    def uint(self, value, bits):
        self.bits += format(value, f"0{bits}b")
        return self

    def exp_golomb(self, value):
        code = format(value + 1, "b")
        self.bits += "0" * (len(code) - 1) + code
        return self

    def to_bytes(self):
        padded = self.bits + "1" + "0" * (-(len(self.bits) + 1) % 8)
        return int(padded, 2).to_bytes(len(padded) // 8)


def parameter_set(width, height, *, sub_layers=0, chroma=1):
    """Return a sequence parameter set as a NAL unit."""
    bits = BitWriter().uint(0, 4).uint(sub_layers, 3).uint(1, 1).uint(0, 88).uint(93, 8)
    if sub_layers:
        bits.uint((1 << 2 * sub_layers) - 1, 2 * sub_layers).uint(0, 2 * (8 - sub_layers))
        bits.uint(0, sub_layers * 96)
    bits.exp_golomb(0).exp_golomb(chroma)
    if chroma == 3:
        bits.uint(0, 1)
    bits.exp_golomb(width).exp_golomb(height)
    return b"\x42\x01" + bits.to_bytes().replace(b"\0\0", b"\0\0\3")


def configuration(*units):
    body = b"".join(b"\x21\0\1" + len(unit).to_bytes(2) + unit for unit in units)
    return bytes(21) + b"\x03" + bytes((len(units),)) + body


def nal_units(*units):
    return b"".join(len(unit).to_bytes(4) + unit for unit in units)


def sequence_header(width, height, *, full=False):
    """Return an AV1 sequence header OBU, reduced, or full with timing and two operating points."""
    bits = BitWriter().uint(0, 3).uint(1, 1).uint(0 if full else 1, 1)
    if not full:
        bits.uint(8, 5)
    else:
        bits.uint(1, 1).uint(1, 32).uint(30, 32).uint(1, 1).exp_golomb(0)
        bits.uint(1, 1).uint(7, 5).uint(1, 32).uint(9, 5).uint(9, 5)  # the decoder model
        bits.uint(1, 1).uint(1, 5)
        for level in (5, 9):
            bits.uint(0, 12).uint(level, 5)
            if level > 7:
                bits.uint(0, 1)
            bits.uint(1, 1).uint(0, 17).uint(1, 1).uint(3, 4)
    bits.uint(15, 4).uint(15, 4).uint(width - 1, 16).uint(height - 1, 16)
    body = bits.to_bytes()
    return bytes((0x0A, len(body))) + body


def primary_data(format, kind):
    """Return the codec header and the data of the image of a file."""
    data = encode_image(sample_in_mode("RGB", (128, 64)), format)
    table = read_items(data, DEFAULT_LIMITS, "HEIF")
    box = next(box for box in table.properties if box.kind == kind)
    return data[box.start : box.end], item_bytes(data, table, table.primary_id)


def test_sizes_of_encoded_images_are_read():
    assert set(iter_hevc_sizes(*primary_data("HEIF", b"hvcC"))) == {(128, 64)}
    assert set(iter_av1_sizes(*primary_data("AVIF", b"av1C"))) == {(128, 64)}


@pytest.mark.parametrize(("sub_layers", "chroma"), [(0, 1), (2, 1), (6, 3), (0, 0)])
def test_hevc_size_is_read_behind_optional_fields(sub_layers, chroma):
    unit = parameter_set(16_384, 3_000, sub_layers=sub_layers, chroma=chroma)
    assert list(iter_hevc_sizes(configuration(unit), b"")) == [(16_384, 3_000)]


def test_parameter_set_inside_the_data_is_read():
    data = nal_units(b"\x26\1slice", parameter_set(9_999, 8), b"\x26\1slice")
    assert list(iter_hevc_sizes(configuration(parameter_set(8, 8)), data)) == [(8, 8), (9_999, 8)]


@pytest.mark.parametrize("full", [False, True])
def test_av1_size_is_read_behind_optional_fields(full):
    obus = b"\x12\0" + sequence_header(12_345, 678, full=full) + b"\x32\1x"
    assert list(iter_av1_sizes(b"\x81\0\0\0", obus)) == [(12_345, 678)]


def test_av1_size_in_the_configuration_is_read():
    assert list(iter_av1_sizes(b"\x81\0\0\0" + sequence_header(7, 9), b"")) == [(7, 9)]


@pytest.mark.parametrize(
    ("iter_sizes", "header", "data"),
    [
        (iter_hevc_sizes, b"", b""),
        (iter_hevc_sizes, bytes(30), b"\0\0\0\x09short"),
        (iter_hevc_sizes, configuration(b"\x42\1"), b"\0\0\1"),
        (iter_hevc_sizes, configuration(b"\x42\1\0"), b""),
        (iter_hevc_sizes, configuration(b"\x42\1" + bytes(60)), b""),
        (iter_hevc_sizes, bytes(23), b"\0\0\0\0" * 70_000),
        (iter_av1_sizes, b"", b"\x0a"),
        (iter_av1_sizes, b"", b"\x0a\x09short"),
        (iter_av1_sizes, b"", b"\x0a\x01\0"),
        (iter_av1_sizes, b"", b"\x12\0" * 70_000),
        (iter_av1_sizes, b"", b"\x12" + b"\xff" * 20),
    ],
)
def test_invalid_codec_data_is_damaged(iter_sizes, header, data):
    with pytest.raises(InvalidImage) as exc_info:
        list(iter_sizes(header, data))
    assert exc_info.value.code in ("image_parse_error", "image_truncated")
