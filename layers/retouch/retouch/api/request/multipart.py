"""Strict parser of multipart/form-data. A truncated upload is an error; it never looks like a missing image.

The `multipart` library (push parser, strict mode) splits the body into parts. This module adds the rules that the
library does not have: the boundary's length and characters, part names, transfer encodings, the size of text fields
and what may surround the body.
"""

from __future__ import annotations

from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from retouch.api.request.file_parts import is_file_part
from retouch.api.request.limits import DEFAULT_LIMITS, BodyLimits
from retouch.core.edit_types import Part
from retouch.core.errors import InvalidRequest, TooLarge, UnsupportedMedia
from retouch.core.parameters import quote_value

_IDENTITY_ENCODINGS = ("", "7bit", "8bit", "binary")
# The charsets of text parts that are not UTF-8 (RFC 7578, section 5.1.2). Java's Apache client states the first one.
# Decoding each of them takes time in proportion to the text.
_CHARSETS = (
    *("iso-8859-1", "latin1", "iso-8859-15", "windows-1252", "utf-16", "utf-16le", "utf-16be"),
    *("shift_jis", "euc-jp", "gbk", "gb18030", "big5", "euc-kr", "windows-1251", "koi8-r"),
)
_REMEDY = "Let your HTTP library build the multipart body and its Content-Type header."


def parse_boundary(content_type: str, limits: BodyLimits = DEFAULT_LIMITS) -> str:
    """Return the boundary in a Content-Type header. Raises InvalidRequest when it is absent, too long or not ASCII."""
    boundary: str = parse_options_header(content_type)[1].get("boundary", "")
    if not boundary and content_type.isascii():
        raise InvalidRequest(
            f"Content-Type multipart/form-data came without a boundary. {_REMEDY}",
            code="missing_boundary",
        )
    if not 0 < len(boundary) <= limits.max_boundary_chars or not _is_printable_ascii(boundary):
        raise InvalidRequest(
            f"The multipart boundary must be 1 to {limits.max_boundary_chars} printable ASCII characters. {_REMEDY}",
            code="invalid_boundary",
        )
    return boundary


def _is_printable_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable()


def parse_parts(body: bytes, boundary: str, limits: BodyLimits = DEFAULT_LIMITS) -> list[Part]:
    """Return all parts in order. Raises InvalidRequest when the body is incomplete or malformed."""
    parser = PushMultipartParser(
        boundary,
        strict=True,
        max_header_size=limits.max_part_header_bytes,
        max_header_count=limits.max_part_headers,
        max_segment_count=limits.max_parts,
        # Every byte is a Latin-1 character, so a file name may have any charset. It is never used.
        header_charset="latin-1",
    )
    try:
        with parser:
            return _collect_parts(parser, body, limits)
    except ParserLimitReached as error:
        raise _limit_error(str(error), limits) from None
    except (MultipartError, UnicodeError) as error:
        raise _malformed_body_error(str(error)) from None


def _collect_parts(parser: PushMultipartParser, body: bytes, limits: BodyLimits) -> list[Part]:
    # The parser gets the body as one chunk. It then ignores what follows the final delimiter and copies each image
    # only once. It would refuse a legal preamble (RFC 2046) only if that came in a later chunk.
    parts: list[Part] = []
    segment: MultipartSegment | None = None
    chunks: list[bytes] = []
    for event in parser.parse(body):
        if isinstance(event, MultipartSegment):
            segment, chunks = _check_segment(event, limits), []
        elif event is not None:
            chunks.append(event)
        elif segment is not None:
            parts.append(_build_part(segment, chunks, limits))
    return parts


def _check_segment(segment: MultipartSegment, limits: BodyLimits) -> MultipartSegment:
    if not segment.name:
        raise InvalidRequest(f"A part of the form has no name. {_REMEDY}", code="missing_part_name")
    segment.name = _decode_name(segment.name)
    if segment.filename is not None:
        segment.filename = segment.filename.encode("latin-1").decode(errors="replace")
    if len(segment.name.encode()) > limits.max_name_bytes:
        raise InvalidRequest(
            f"A part's name is longer than {limits.max_name_bytes} bytes. Shorten it.",
            code="invalid_part_header",
        )
    encoding = (segment.header("Content-Transfer-Encoding") or "").strip().lower()
    if encoding not in _IDENTITY_ENCODINGS:
        raise UnsupportedMedia(
            f"Part {quote_value(segment.name)} has Content-Transfer-Encoding {quote_value(encoding)}; "
            "send the bytes as they are, without a transfer encoding.",
            param=segment.name,
            code="unsupported_transfer_encoding",
            status=400,
        )
    return segment


def _decode_name(name: str) -> str:
    """Return the name of a field, which is UTF-8. The parser reads headers as Latin-1."""
    try:
        return name.encode("latin-1").decode()
    except UnicodeDecodeError:
        raise InvalidRequest(
            f"The name of a part is not valid UTF-8 text. {_REMEDY}", code="invalid_part_header"
        ) from None


def _build_part(segment: MultipartSegment, chunks: list[bytes], limits: BodyLimits) -> Part:
    # A part usually has one chunk. Using it directly avoids a second copy of the image.
    data = bytes(chunks[0]) if len(chunks) == 1 else b"".join(chunks)
    is_file = is_file_part(segment, data)
    if not is_file and len(data) > limits.max_field_bytes:
        raise TooLarge(
            f"Field {quote_value(segment.name)} has {len(data)} bytes; a text field may have {limits.max_field_bytes}. "
            "Send images as file parts.",
            param=segment.name,
            code="field_too_large",
        )
    if not is_file:
        data = _text_as_utf8(data, (segment.charset or "").strip().lower())
    return Part(segment.name, data, segment.filename, is_file)


def _text_as_utf8(data: bytes, charset: str) -> bytes:
    """Return the text in UTF-8, if it is not and its part states another charset. Other text is unchanged."""
    if charset not in _CHARSETS or _is_utf8(data):
        return data
    try:
        return data.decode(charset).encode()
    except UnicodeError:
        return data


def _is_utf8(data: bytes) -> bool:
    """Return whether the data is UTF-8. UTF-16 may look like it, but has NUL characters."""
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


def _limit_error(parser_message: str, limits: BodyLimits) -> InvalidRequest:
    if "segment count" in parser_message:
        return TooLarge(
            f"The form has more than {limits.max_parts} parts. Send fewer parts.",
            code="too_many_parts",
        )
    return InvalidRequest(
        f"A part has more than {limits.max_part_headers} headers or one longer than "
        f"{limits.max_part_header_bytes} bytes. {_REMEDY}",
        code="invalid_part_header",
    )


def _malformed_body_error(parser_message: str) -> InvalidRequest:
    is_truncated = (
        "end of multipart stream" in parser_message.lower()
        or "incomplete" in parser_message.lower()
    )
    return InvalidRequest(
        "The body ends before its closing boundary: it was truncated in transit. Send the whole body again."
        if is_truncated
        else f"The multipart body is malformed ({parser_message.rstrip('.')}). {_REMEDY}",
        code="truncated_body" if is_truncated else "invalid_multipart",
    )
