"""The test images that the doctor sends."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, ImageDraw

FormFile = tuple[str, bytes, str]  # File name, bytes and content type of a form part.


def photo_and_mask() -> tuple[bytes, FormFile]:
    """Return a small photo as PNG, and its mask as a form part."""
    photo = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
    mask = Image.new("RGBA", photo.size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (20, 20, 40, 40))
    ImageDraw.Draw(photo).rectangle((20, 20, 39, 39), fill=(220, 30, 30))
    return _encode_png(photo), ("mask.png", _encode_png(mask), "image/png")


def png_with_all_byte_pairs(size: int) -> bytes:
    """Return a PNG of about `size` bytes. A private chunk holds every pair of byte values next to each other.

    A proxy that decodes a body as text changes some of these pairs.
    """
    png = _encode_png(Image.new("RGB", (8, 8), (200, 60, 40)))
    byte_sequences = (
        bytes((value * step + step) % 256 for value in range(256)) for step in range(1, 256)
    )
    all_pairs = b"".join(byte_sequences)
    filler = (all_pairs * (size // len(all_pairs) + 1))[: max(256, size - len(png) - 12)]
    chunk = b"teSt" + filler
    encoded_chunk = struct.pack(">I", len(filler)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:-12] + encoded_chunk + png[-12:]


def _encode_png(image: Image.Image) -> bytes:
    """Return the image encoded as PNG."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
