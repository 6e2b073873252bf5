"""The headers of HEVC and AV1 data: the size that a decoder allocates, which the container does not prove."""

from __future__ import annotations

from collections.abc import Iterator

from retouch.core.geometry import Size
from retouch.imaging.errors import damaged_image_error, truncated_image_error
from retouch.imaging.formats.binary_reader import BitReader, ByteReader

_MAX_HEADER_BYTES = 512  # bytes; the fields up to the size are far shorter
_MAX_UNITS = 65_536  # NAL units or OBUs of an image
_SEQUENCE_PARAMETER_SET = 33
_SEQUENCE_HEADER_OBU = 1
_PROFILE_BITS, _LEVEL_BITS, _MAX_SUB_LAYERS = 88, 8, 8
_YUV_444 = 3


def iter_hevc_sizes(configuration: bytes, data: bytes) -> Iterator[Size]:
    """Yield the coded size in each parameter set of the box `hvcC` and of the data, which is NAL units with lengths.

    Raises InvalidImage when a unit reaches beyond the end.
    """
    reader = ByteReader(configuration, 21, len(configuration), name="HEIC")
    length_size = (reader.uint(1) & 3) + 1
    for _ in range(reader.uint(1)):
        reader.skip(1)  # the type of the units
        for _ in range(reader.uint(2)):
            yield from _sizes_of_nal_unit(reader.read(reader.uint(2)))
    units = ByteReader(data, 0, len(data), name="HEIC")
    for _ in range(_MAX_UNITS):
        if not units.remaining:
            return
        size = units.uint(length_size)
        if size > units.remaining:
            raise truncated_image_error("a part of the HEIC's pixels is missing")
        start = units.position
        units.skip(size)
        yield from _sizes_of_nal_unit(data[start : start + min(size, _MAX_HEADER_BYTES)])
    raise damaged_image_error("the HEIC has too many parts")


def iter_av1_sizes(configuration: bytes, data: bytes) -> Iterator[Size]:
    """Yield the coded size in each sequence header of the box `av1C` and of the data, which is OBUs.

    Raises InvalidImage when an OBU reaches beyond the end.
    """
    yield from _sizes_of_obus(configuration[4:])
    yield from _sizes_of_obus(data)


def is_monochrome_hevc(configuration: bytes) -> bool:
    """Return whether the box `hvcC` states an image without chroma."""
    return configuration[16:17] != b"" and not configuration[16] & 3


def is_monochrome_av1(configuration: bytes) -> bool:
    """Return whether the box `av1C` states an image without chroma."""
    return bool(configuration[2:3] and configuration[2] & 16)


def _sizes_of_nal_unit(unit: bytes) -> Iterator[Size]:
    if len(unit) > 2 and unit[0] >> 1 & 63 == _SEQUENCE_PARAMETER_SET:
        yield _read_hevc_size(unit[2:_MAX_HEADER_BYTES])


def _read_hevc_size(parameter_set: bytes) -> Size:
    """Return width and height of a sequence parameter set, before it is cropped."""
    bits = BitReader(parameter_set.replace(b"\0\0\3", b"\0\0"), name="HEIC")
    bits.uint(4)  # the video parameter set
    sub_layers = bits.uint(3)
    bits.uint(1 + _PROFILE_BITS + _LEVEL_BITS)
    _skip_sub_layers(bits, sub_layers)
    bits.exp_golomb()  # the id
    if bits.exp_golomb() == _YUV_444:
        bits.uint(1)  # separate planes
    return bits.exp_golomb(), bits.exp_golomb()


def _skip_sub_layers(bits: BitReader, count: int) -> None:
    if not count:
        return
    flags = [(bits.uint(1), bits.uint(1)) for _ in range(count)]
    bits.uint(2 * (_MAX_SUB_LAYERS - count))
    for has_profile, has_level in flags:
        bits.uint(_PROFILE_BITS * has_profile + _LEVEL_BITS * has_level)


def _sizes_of_obus(data: bytes) -> Iterator[Size]:
    reader = ByteReader(data, 0, len(data), name="AVIF")
    for _ in range(_MAX_UNITS):
        if not reader.remaining:
            return
        head = reader.uint(1)
        reader.skip(head >> 2 & 1)  # the extension
        size = _read_leb128(reader) if head & 2 else reader.remaining
        if size > reader.remaining:
            raise truncated_image_error("a part of the AVIF's pixels is missing")
        start = reader.position
        reader.skip(size)
        if head >> 3 & 15 == _SEQUENCE_HEADER_OBU:
            yield _read_av1_size(data[start : start + min(size, _MAX_HEADER_BYTES)])
    raise damaged_image_error("the AVIF has too many parts")


def _read_leb128(reader: ByteReader) -> int:
    value = 0
    for shift in range(0, 56, 7):
        byte = reader.uint(1)
        value |= (byte & 127) << shift
        if byte < 128:
            break
    return value


def _read_av1_size(header: bytes) -> Size:
    """Return the largest width and height of the frames that follow a sequence header."""
    bits = BitReader(header, name="AVIF")
    bits.uint(4)  # the profile and whether it is a still image
    if bits.uint(1):  # a reduced header
        bits.uint(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.uint(4) + 1, bits.uint(4) + 1
    return bits.uint(width_bits) + 1, bits.uint(height_bits) + 1


def _skip_operating_points(bits: BitReader) -> None:
    delay_bits = _skip_timing(bits) if bits.uint(1) else 0
    has_initial_delay = bits.uint(1)
    for _ in range(bits.uint(5) + 1):
        bits.uint(12)
        if bits.uint(5) > 7:
            bits.uint(1)
        if delay_bits and bits.uint(1):
            bits.uint(2 * delay_bits + 1)
        if has_initial_delay and bits.uint(1):
            bits.uint(4)


def _skip_timing(bits: BitReader) -> int:
    """Skip the timing and the decoder model, and return the number of bits of a buffer delay, or 0."""
    bits.uint(64)
    if bits.uint(1):
        bits.exp_golomb()
    if not bits.uint(1):
        return 0
    delay_bits = bits.uint(5) + 1
    bits.uint(42)
    return delay_bits
