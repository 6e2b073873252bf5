"""Small hand-written ICC profiles. Their effect on a colour is known without another library."""

import struct

# The primaries of sRGB and of Display P3, adapted to D50.
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))


def rgb_profile(primaries=P3, name=""):
    """Return a profile with three primaries and the tone curve of sRGB."""
    tone_curve = b"para\0\0\0\0\0\3\0\0" + fixed_point_bytes(
        2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045
    )
    tags = {b"wtpt": xyz_tag((0.9642, 1.0, 0.8249))}
    if name:
        text = name.encode("utf-16-be")
        tags[b"desc"] = struct.pack(">4s4xII4sII", b"mluc", 1, 12, b"enUS", len(text), 28) + text
    for channel, colour in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags |= {channel + b"XYZ": xyz_tag(colour), channel + b"TRC": tone_curve}
    return build_profile(b"RGB ", b"XYZ ", b"mntr", tags)


def red_blue_swapped_profile():
    """Return an sRGB profile with red and blue swapped."""
    return rgb_profile(SRGB[::-1])


def grey_profile(gamma):
    tone_curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {b"wtpt": xyz_tag((0.9642, 1.0, 0.8249)), b"kTRC": tone_curve}
    return build_profile(b"GRAY", b"XYZ ", b"mntr", tags)


def cmyk_profile(ink_colour=(50, 128, 128)):
    """Return a CMYK profile: no ink is white, and any amount of any ink is one fixed Lab colour (8 bits)."""
    grid = bytes((255, 128, 128)) + bytes(ink_colour) * 15
    ramp = bytes(range(256))
    matrix = fixed_point_bytes(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + matrix + ramp * 4 + grid + ramp * 3
    return build_profile(
        b"CMYK", b"Lab ", b"prtr", {b"wtpt": xyz_tag((0.9642, 1.0, 0.8249)), b"A2B0": table}
    )


def build_profile(space, connection, kind, tags):
    parts, index, offset = [], b"", 132 + 12 * len(tags)
    for name, body in tags.items():
        body += b"\0" * (-len(body) % 4)
        index += name + struct.pack(">II", offset, len(body))
        parts.append(body)
        offset += len(body)
    head = struct.pack(">I4sI4s4s4s", offset, b"none", 0x04200000, kind, space, connection)
    date = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    illuminant = fixed_point_bytes(0.9642, 1.0, 0.8249)
    remainder = date + b"acsp" + bytes(28) + illuminant
    return (
        (head + remainder).ljust(128, b"\0")
        + struct.pack(">I", len(tags))
        + index
        + b"".join(parts)
    )


def xyz_tag(values):
    return b"XYZ \0\0\0\0" + fixed_point_bytes(*values)


def fixed_point_bytes(*values):
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)
