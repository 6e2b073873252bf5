"""Tests of compressed bodies: every container, odd labels, damage, and bounded output."""

import gzip
import zlib

import pytest

from retouch.infrastructure.content_coding import (
    DECODABLE_CODINGS,
    UndecodableBody,
    decode_body,
    is_decodable,
    parse_content_coding,
)

TEXT = b'{"data": "' + bytes(range(32, 127)) * 5000 + b'"}'
GZIP, ZLIB = gzip.compress(TEXT), zlib.compress(TEXT)


def raw_deflate(data):
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def describe(value):
    """Return the name of a parameter: the length of bytes, or the text."""
    return f"{len(value)} bytes" if isinstance(value, bytes) else value


def decode_in_chunks(body, coding, chunk_bytes=1000):
    chunks = (body[at : at + chunk_bytes] for at in range(0, len(body), chunk_bytes))
    return b"".join(decode_body(chunks, coding))


@pytest.mark.parametrize(
    ("values", "coding"),
    [
        ([], ""),
        ([""], ""),
        (["identity"], ""),
        (["aws-chunked"], ""),
        (["undefined"], ""),
        (["utf-8", "binary"], ""),
        (["GZip"], "gzip"),
        ([" x-gzip "], "x-gzip"),
        (["gzip;q=1.0"], "gzip"),
        (["aws-chunked,gzip"], "gzip"),
        (["identity", "deflate"], "deflate"),
        (["br"], "br"),
        (["zstd"], "zstd"),
        (["zip"], "zip"),
        (["gzip, gzip"], "gzip, gzip"),
    ],
)
def test_coding_is_the_compression_among_the_labels(values, coding):
    assert parse_content_coding(values) == coding


@pytest.mark.parametrize(
    ("coding", "result"),
    [
        ("", True),
        ("gzip", True),
        ("gzip, deflate", True),
        ("br", False),
        ("gzip, br", False),
        ("gzip, gzip, gzip", False),
    ],
)
def test_at_most_two_known_compressions_are_decodable(coding, result):
    assert is_decodable(coding) is result


def test_bomb_that_was_compressed_twice_is_decoded_in_small_pieces():
    pieces = decode_body([gzip.compress(gzip.compress(bytes(50_000_000)))], "gzip, gzip")
    assert max(len(next(pieces)) for _ in range(10)) <= 262_144


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (GZIP, "gzip"),
        (GZIP, "x-gzip"),
        (ZLIB, "deflate"),
        (raw_deflate(TEXT), "deflate"),
        (gzip.compress(TEXT[:70_000]) + gzip.compress(TEXT[70_000:]), "gzip"),
        (GZIP + bytes(100), "gzip"),
        (GZIP + b"trailing bytes", "gzip"),
        (ZLIB + b"trailing bytes", "deflate"),
        (TEXT, "gzip"),
        (TEXT, ""),
        (GZIP, ""),
        (ZLIB, ""),
        (zlib.compress(TEXT, 1), ""),
        (zlib.compress(TEXT, 9), ""),
        (GZIP, "deflate"),
        (ZLIB, "gzip"),
        (gzip.compress(GZIP), "gzip"),
        (gzip.compress(ZLIB), "gzip"),
        (zlib.compress(GZIP), "deflate"),
    ],
    ids=describe,
)
@pytest.mark.parametrize("chunk_bytes", [1, 997, 1_000_000])
def test_compressed_body_is_decoded_from_chunks_of_any_size(body, coding, chunk_bytes):
    assert decode_in_chunks(body, coding, chunk_bytes) == TEXT


@pytest.mark.parametrize("coding", ["", *DECODABLE_CODINGS])
def test_empty_body_stays_empty(coding):
    assert decode_in_chunks(b"", coding) == b""


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (GZIP[:-1], "gzip"),
        (GZIP[: len(GZIP) // 2], "gzip"),
        (GZIP[:3], "gzip"),
        (ZLIB[:-3], "deflate"),
        (GZIP[:100] + b"\xff" * 50 + GZIP[150:], "gzip"),
        (GZIP[:-8] + bytes(8), "gzip"),
        (b"\xff\xff no deflate data", "deflate"),
        (gzip.compress(b"") * 2000, "gzip"),
    ],
    ids=describe,
)
def test_damaged_body_raises_undecodable_body(body, coding):
    with pytest.raises(UndecodableBody):
        decode_in_chunks(body, coding)


@pytest.mark.parametrize("first", [b"a", b"{", b"data: x", b"xy"])
def test_first_chunk_of_body_without_coding_is_yielded_before_the_next_one(first):
    def chunks():
        yield first
        raise AssertionError("the next chunk was read")

    assert next(iter(decode_body(chunks(), ""))) == first


def test_bomb_without_coding_is_decoded_in_small_pieces():
    pieces = decode_body([gzip.compress(bytes(50_000_000))], "")
    assert max(len(next(pieces)) for _ in range(10)) <= 262_144


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_bomb_is_decoded_in_small_pieces(compress):
    coding = "gzip" if compress is gzip.compress else "deflate"
    pieces = decode_body([compress(bytes(50_000_000))], coding)
    assert max(len(next(pieces)) for _ in range(10)) <= 262_144
    assert 10 * 262_144 + sum(map(len, pieces)) == 50_000_000
