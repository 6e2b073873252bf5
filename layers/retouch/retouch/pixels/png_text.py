"""Compressed PNG metadata: how much of it there is once inflated."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from retouch.pixels.limits import Limits
from retouch.pixels.refusal import UnfitError


def check_text(chunks: Iterable[tuple[bytes, memoryview]], limits: Limits) -> None:
    """Raise UnfitError if the (kind, data) chunks inflate to over `limits.text_bytes` in all."""
    left = limits.text_bytes
    for kind, data in chunks:
        left -= _inflated(_packed(kind, data), left + 1)
        if left < 0:
            text = f"has more than {limits.text_bytes} bytes of metadata. Remove its metadata."
            raise UnfitError("image_metadata_too_large", text)


def _packed(kind: bytes, data: memoryview) -> bytes:
    """The zlib stream in a text or colour profile chunk; empty where there is none."""
    if kind in (b"zTXt", b"iCCP"):
        return bytes(data).partition(b"\0")[2][1:]
    if kind != b"iTXt":
        return b""
    packed, _, rest = bytes(data).partition(b"\0")[2].partition(b"\0")
    # keyword NUL flag method language NUL translation NUL text; the method is a NUL as well
    return rest.partition(b"\0")[2].partition(b"\0")[2] if packed == b"\1" else b""


def _inflated(stream: bytes, most: int) -> int:
    """How many bytes come out, counted up to `most`; what is no zlib stream counts for nothing."""
    try:
        return len(zlib.decompressobj().decompress(stream, most)) if stream else 0
    except zlib.error:
        return 0
