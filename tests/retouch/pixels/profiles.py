"""Small ICC profiles, written by hand: what they do to a colour is known without another library."""

import struct

# The primaries of sRGB and of Display P3, as seen under D50.
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))


def rgb(primaries=P3):
    """Three primaries and the tone curve of sRGB."""
    tone = b"para\0\0\0\0\0\3\0\0" + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    tags = {b"wtpt": xyz((0.9642, 1.0, 0.8249))}
    for name, colour in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags |= {name + b"XYZ": xyz(colour), name + b"TRC": tone}
    return profile(b"RGB ", b"XYZ ", b"mntr", tags)


def mixed_up():
    """sRGB with red and blue swapped."""
    return rgb(SRGB[::-1])


def grey(gamma):
    tone = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {b"wtpt": xyz((0.9642, 1.0, 0.8249)), b"kTRC": tone}
    return profile(b"GRAY", b"XYZ ", b"mntr", tags)


def inks(full=(50, 128, 128)):
    """No ink is white, and any ink at all comes to a colour of its own (Lab, 8 bits)."""
    grid = bytes((255, 128, 128)) + bytes(full) * 15
    ramp = bytes(range(256))
    matrix = fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + matrix + ramp * 4 + grid + ramp * 3
    return profile(b"CMYK", b"Lab ", b"prtr", {b"wtpt": xyz((0.9642, 1.0, 0.8249)), b"A2B0": table})


def profile(space, connection, kind, tags):
    parts, index, at = [], b"", 132 + 12 * len(tags)
    for name, body in tags.items():
        body += b"\0" * (-len(body) % 4)
        index += name + struct.pack(">II", at, len(body))
        parts.append(body)
        at += len(body)
    head = struct.pack(">I4sI4s4s4s", at, b"none", 0x04200000, kind, space, connection)
    date = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    light = fixed(0.9642, 1.0, 0.8249)
    rest = date + b"acsp" + bytes(28) + light
    return (head + rest).ljust(128, b"\0") + struct.pack(">I", len(tags)) + index + b"".join(parts)


def xyz(values):
    return b"XYZ \0\0\0\0" + fixed(*values)


def fixed(*values):
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)
