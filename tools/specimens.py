"""The pictures a gateway is examined with."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, ImageDraw

Part = tuple[str, bytes, str]  # of a form: file name, bytes, type


def subject() -> tuple[bytes, Part]:
    """A small photo, and the mask as a form's part."""
    photo = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
    mask = Image.new("RGBA", photo.size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (20, 20, 40, 40))
    ImageDraw.Draw(photo).rectangle((20, 20, 39, 39), fill=(220, 30, 30))
    return _encoded(photo), ("mask.png", _encoded(mask), "image/png")


def every_byte(size: int) -> bytes:
    """A PNG of about that many bytes, most of them every byte value beside every other one, in a chunk of its own."""
    plain = _encoded(Image.new("RGB", (8, 8), (200, 60, 40)))
    turns = (bytes((value * step + step) % 256 for value in range(256)) for step in range(1, 256))
    every = b"".join(turns)
    filler = (every * (size // len(every) + 1))[: max(256, size - len(plain) - 12)]
    chunk = b"teSt" + filler
    framed = struct.pack(">I", len(filler)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return plain[:-12] + framed + plain[-12:]


def _encoded(image: Image.Image) -> bytes:
    """As PNG."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
