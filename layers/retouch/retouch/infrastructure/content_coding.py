"""Decoding of compressed bodies. The requests ask for no compression, but some servers and proxies compress anyway.

A decoded body is yielded in small pieces, so that the reader's own size limit stops a compression bomb early.
"""

from __future__ import annotations

import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from retouch.core.image_formats import detect_format

_GZIP_CODINGS = ("gzip", "x-gzip")
_DEFLATE_CODING = "deflate"
DECODABLE_CODINGS = (*_GZIP_CODINGS, _DEFLATE_CODING)
# Every other value ("aws-chunked", "utf-8", "undefined", an empty one) is a label that some servers send for a plain
# body. Sources: https://www.iana.org/assignments/http-parameters and the names of common compression formats.
_HTTP_COMPRESSIONS = frozenset(
    (*DECODABLE_CODINGS, "br", "zstd", "compress", "x-compress", "dcb", "dcz")
)
_COMPRESSIONS = frozenset(
    (
        *_HTTP_COMPRESSIONS,
        *("exi", "pack200-gzip"),
        *("zip", "bzip2", "xz", "lzma", "lz4", "snappy"),
    )
)
_GZIP_MAGIC = b"\x1f\x8b"
# The starts of zlib data with the usual window, except the one that is text. No image and no text starts so.
_ZLIB_MAGICS = (b"\x78\x01", b"\x78\x9c", b"\x78\xda")
_GZIP_WINDOW, _ZLIB_WINDOW, _RAW_WINDOW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_PIECE_BYTES = 262_144
_MAX_CODINGS = 2  # some proxies compress again what the server has compressed
_HEAD_BYTES = 16  # enough to tell text and images from compressed data
_TEXT_BYTES = frozenset((*b"\t\n\r", *range(0x20, 0x7F)))
_MAX_MEMBERS = 1000  # of a gzip body; a body of many empty members costs time and yields nothing


class UndecodableBody(Exception):
    """A compressed body is damaged, or it ends early."""


class DamagedBody(UndecodableBody):
    """The data has an error, so what was decoded before it may be wrong too."""


def parse_content_coding(values: Iterable[str]) -> str:
    """Return the compression that the Content-Encoding headers name, or "" for a body that is not compressed.

    Several compressions are joined with ", ", in the order in which they were applied.
    """
    names = (
        name.partition(";")[0].strip().lower() for value in values for name in value.split(",")
    )
    return ", ".join(name for name in names if name in _COMPRESSIONS)


def is_undone_by_proxies(coding: str) -> bool:
    """Return whether a proxy may have undone the compression and left the header. It knows those of HTTP."""
    return not coding or _HTTP_COMPRESSIONS.issuperset(coding.split(", "))


def is_decodable(coding: str, codings: Sequence[str] = DECODABLE_CODINGS) -> bool:
    """Return whether `coding` is "", one of the codings, or two of them."""
    names = coding.split(", ")
    return not coding or (len(names) <= _MAX_CODINGS and set(names) <= set(codings))


def remove_wrong_label(chunks: Iterable[bytes], coding: str) -> tuple[str, Iterator[bytes]]:
    """Return the coding and the whole body. The coding is "" when the body begins as text or as an image.

    Some proxies decompress a body and leave the header. Compressed data hardly ever begins with 16 characters of text.
    """
    head, rest = _split_head(chunks, _HEAD_BYTES)
    text = head.removeprefix(BOM_UTF8)
    is_plain = _TEXT_BYTES.issuperset(text) or detect_format(head)
    return "" if is_plain else coding, chain([head] if head else [], rest)


def decode_body(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Yield the body without its compression. `coding` is decodable, as `is_decodable` says. Raises UndecodableBody.

    A body that is still compressed afterwards is decoded once more: a server and its proxy may share one label.
    """
    names = coding.split(", ")
    for name in reversed(names if names[1:] or not coding else ["", *names]):
        chunks = _decode_once(chunks, name)
    return iter(chunks)


def _decode_once(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Yield the body without one compression. `coding` is "" or a member of DECODABLE_CODINGS.

    The first bytes decide more than the label: some proxies decompress and leave the header, others remove the header
    and do not decompress. So a body that does not start as compressed data is passed through. A first chunk without a
    coding that does not start so is yielded at once. Raises UndecodableBody.
    """
    head, rest = _split_head(chunks, len(_GZIP_MAGIC), None if coding else _may_be_compressed)
    window_bits = _window_bits(coding, head)
    if window_bits is None:
        yield from chain([head] if head else [], rest)
        return
    try:
        yield from _inflate(chain([head], rest), window_bits)
    except zlib.error:
        raise DamagedBody("the compressed data is damaged") from None


def _may_be_compressed(head: bytes) -> bool:
    return any(magic.startswith(head) for magic in (_GZIP_MAGIC, *_ZLIB_MAGICS))


def _split_head(
    chunks: Iterable[bytes], size: int, needs_more: Callable[[bytes], bool] | None = None
) -> tuple[bytes, Iterator[bytes]]:
    """Return the start of the body, and the rest of it.

    The start has at least `size` bytes, unless the body is shorter or `needs_more` says that it shows enough.
    """
    rest, head = iter(chunks), b""
    while len(head) < size and (needs_more is None or needs_more(head)):
        chunk = next(rest, b"")
        if not chunk:
            break
        head += chunk
    return head, rest


def _window_bits(coding: str, head: bytes) -> int | None:
    """Return zlib's name for the container of the body, or None for a body that is not compressed.

    "deflate" means zlib data, but some servers send raw deflate data, which has no header.
    """
    if head[:2] == _GZIP_MAGIC:
        return _GZIP_WINDOW
    if coding != _DEFLATE_CODING:
        return _ZLIB_WINDOW if head[:2] in _ZLIB_MAGICS else None
    has_zlib_header = len(head) > 1 and head[0] & 15 == 8 and int.from_bytes(head[:2]) % 31 == 0
    return _ZLIB_WINDOW if has_zlib_header else _RAW_WINDOW


def _inflate(chunks: Iterable[bytes], window_bits: int) -> Iterator[bytes]:
    """Yield the data of all members. Raises zlib.error, UndecodableBody."""
    inflater = _Inflater(window_bits)
    for chunk in chunks:
        yield from inflater.feed(chunk)
    inflater.require_end()


class _Inflater:
    """A decompressor of a body that may have several gzip members. Bytes after the last member are dropped."""

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._member, self._member_count = zlib.decompressobj(window_bits), 1
        self._unread, self._has_input = b"", False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the data that the chunk makes available, in pieces of limited size."""
        self._has_input = self._has_input or bool(chunk)
        self._unread += chunk
        while self._unread and self._is_in_member():
            yield from self._inflate_unread()

    def require_end(self) -> None:
        """Raise UndecodableBody when the body ended inside a member."""
        if self._has_input and not self._member.eof:
            raise UndecodableBody("the compressed data ends early")

    def _is_in_member(self) -> bool:
        """Return whether the unread bytes belong to a member. It may be a new one."""
        if not self._member.eof:
            return True
        may_start_member = _GZIP_MAGIC.startswith(self._unread[: len(_GZIP_MAGIC)])
        if self._window_bits != _GZIP_WINDOW or not may_start_member:
            self._unread = b""
        if len(self._unread) < len(_GZIP_MAGIC):
            return False
        self._member_count += 1
        if self._member_count > _MAX_MEMBERS:
            raise UndecodableBody("the compressed data has too many members")
        self._member = zlib.decompressobj(self._window_bits)
        return True

    def _inflate_unread(self) -> Iterator[bytes]:
        piece = self._member.decompress(self._unread, _PIECE_BYTES)
        while piece:
            yield piece
            # A full piece means that the decompressor may hold more data, even without further input.
            is_full = len(piece) == _PIECE_BYTES
            rest = self._member.unconsumed_tail
            piece = self._member.decompress(rest, _PIECE_BYTES) if is_full else b""
        self._unread = self._member.unused_data
