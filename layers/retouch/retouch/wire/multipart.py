"""multipart/form-data -> parts, strictly. A truncated upload is an error, never a missing image.

The well-kept parser does the framing (`multipart`, push parser, strict mode). What it leaves to us is policy:
the boundary's length and characters, names, transfer encodings, sizes of text fields, what surrounds the body.
"""

from __future__ import annotations

from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from retouch.errors import InvalidRequest, TooLarge, UnsupportedMedia
from retouch.messages import Part
from retouch.specs import shown
from retouch.wire.limits import DEFAULT, Limits

_IDENTITY = ("", "7bit", "8bit", "binary")
_REMEDY = "Let your HTTP library build the multipart body and its Content-Type header."


def boundary_of(content_type: str, limits: Limits = DEFAULT) -> str:
    """The boundary out of a Content-Type header; InvalidRequest when absent, too long or not ASCII text."""
    boundary: str = parse_options_header(content_type)[1].get("boundary", "")
    if not boundary and content_type.isascii():
        raise InvalidRequest(
            f"Content-Type multipart/form-data came without a boundary. {_REMEDY}",
            code="missing_boundary",
        )
    if not 0 < len(boundary) <= limits.boundary_chars or not _plain(boundary):
        raise InvalidRequest(
            f"The multipart boundary must be 1 to {limits.boundary_chars} printable ASCII characters. {_REMEDY}",
            code="invalid_boundary",
        )
    return boundary


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def parse(body: bytes, boundary: str, limits: Limits = DEFAULT) -> list[Part]:
    """All parts in order. InvalidRequest for anything that is not one whole, well-formed body."""
    parser = PushMultipartParser(
        boundary,
        strict=True,
        max_header_size=limits.part_header_size,
        max_header_count=limits.part_headers,
        max_segment_count=limits.parts,
    )
    try:
        with parser:
            return _collect(parser, body, limits)
    except ParserLimitReached as reached:
        raise _limit_reached(str(reached), limits) from None
    except (MultipartError, UnicodeError) as broken:
        raise _broken(str(broken)) from None


def _collect(parser: PushMultipartParser, body: bytes, limits: Limits) -> list[Part]:
    # The body goes in as one chunk: what follows the final delimiter is then never looked at, and a
    # picture is copied once. A legal preamble (RFC 2046) would only be refused in later chunks.
    parts: list[Part] = []
    segment: MultipartSegment | None = None
    pieces: list[bytes] = []
    for event in parser.parse(body):
        if isinstance(event, MultipartSegment):
            segment, pieces = _checked(event, limits), []
        elif event is not None:
            pieces.append(event)
        elif segment is not None:
            parts.append(_part(segment, pieces, limits))
    return parts


def _checked(segment: MultipartSegment, limits: Limits) -> MultipartSegment:
    if not segment.name:
        raise InvalidRequest(f"A part of the form has no name. {_REMEDY}", code="missing_part_name")
    if len(segment.name.encode()) > limits.name:
        raise InvalidRequest(
            f"A part's name is longer than {limits.name} bytes.", code="invalid_part_header"
        )
    encoding = (segment.header("Content-Transfer-Encoding") or "").strip().lower()
    if encoding not in _IDENTITY:
        raise UnsupportedMedia(
            f"Part {shown(segment.name)} has Content-Transfer-Encoding {shown(encoding)}; "
            "send the bytes as they are, without a transfer encoding.",
            param=segment.name,
            code="unsupported_transfer_encoding",
            status=400,
        )
    return segment


def _part(segment: MultipartSegment, pieces: list[bytes], limits: Limits) -> Part:
    # One piece is the usual case and is kept as it is: no second copy of a picture.
    data = bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)
    if segment.filename is None and len(data) > limits.field:
        raise TooLarge(
            f"Field {shown(segment.name)} has {len(data)} bytes; a text field may have {limits.field}. "
            "Send pictures as file parts.",
            param=segment.name,
            code="field_too_large",
        )
    return Part(segment.name, data, segment.filename)


def _limit_reached(what: str, limits: Limits) -> InvalidRequest:
    if "segment count" in what:
        return TooLarge(
            f"The form has more than {limits.parts} parts, the most that are accepted.",
            code="too_many_parts",
        )
    return InvalidRequest(
        f"A part has more than {limits.part_headers} headers or one longer than "
        f"{limits.part_header_size} bytes. {_REMEDY}",
        code="invalid_part_header",
    )


def _broken(what: str) -> InvalidRequest:
    truncated = "end of multipart stream" in what.lower() or "incomplete" in what.lower()
    return InvalidRequest(
        "The upload ends before its closing boundary: it was cut on the way. Send it again, whole."
        if truncated
        else f"The multipart body is malformed ({what.rstrip('.')}). {_REMEDY}",
        code="truncated_body" if truncated else "invalid_multipart",
    )
