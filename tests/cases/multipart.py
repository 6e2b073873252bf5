"""Hostile request bodies and events from multipart_cases.json, each with its verdict.

The verdicts `allow` and `parse` require success with the stated parts. `error` requires a failure with one of the
stated codes. `either` permits both, and no other outcome. The cases use their own codes; CODES maps them to the codes
of this package.
"""

import base64
import json
import zlib
from pathlib import Path

CODES = {
    "bad_multipart": {
        "invalid_multipart",
        "truncated_body",
        "invalid_boundary",
        "missing_part_name",
    },
    "truncated_body": {"truncated_body", "invalid_multipart"},
    "empty_body": {"empty_body"},
    "missing_boundary": {"missing_boundary"},
    "invalid_boundary": {"invalid_boundary"},
    "unsupported_media_type": {"unsupported_media_type"},
    "unsupported_content_encoding": {"unsupported_content_encoding"},
    "unsupported_transfer_encoding": {"unsupported_transfer_encoding"},
    "missing_part_name": {"missing_part_name"},
    "invalid_part_header": {"invalid_part_header", "invalid_multipart"},
    "too_many_headers": {"invalid_part_header"},
    "part_header_too_large": {"invalid_part_header"},
    "nested_multipart": {"invalid_multipart"},
    "invalid_text": {"invalid_text"},
    "too_many_parts": {"too_many_parts"},
    "field_too_large": {"field_too_large"},
    "body_too_large": {"body_too_large"},
    "invalid_base64": {"invalid_base64"},
    "body_corrupted_by_gateway": {"body_corrupted_by_gateway"},
    "not_an_image": {"unsupported_image_format", "image_parse_error"},
    "not_found": {"not_found"},
    "bad_request": {"invalid_value", "missing_required_parameter"},
    "too_many_images": {"too_many_images"},
    "unknown_field": {"unknown_parameter"},
    "duplicate_field": {"duplicate_parameter"},
    "missing_required": {"missing_required_parameter"},
    "invalid_value": {"invalid_value"},
    "invalid_type": {"invalid_type", "invalid_value"},
    "model_not_found": {"model_not_found"},
    "unsupported_parameter": {"unsupported_parameter"},
}


def matching_codes(codes):
    """Return all error codes of this package that satisfy any of a case's codes."""
    return set().union(*(CODES[code] for code in codes))


def cases(*groups):
    """Return the cases of the named groups, or all cases when no group is named."""
    raw_cases = json.loads((Path(__file__).parent / "multipart_cases.json").read_text("utf-8"))[
        "cases"
    ]
    return [expand(case) for case in raw_cases if not groups or case["group"] in groups]


def expand(value):
    """Replace {"$rep": [prefix, char, n]} by prefix + char * n, anywhere in a case."""
    if isinstance(value, dict):
        if set(value) == {"$rep"}:
            prefix, char, count = value["$rep"]
            return prefix + char * count
        return {key: expand(item) for key, item in value.items()}
    return [expand(item) for item in value] if isinstance(value, list) else value


def body_bytes(segments):
    """Return the request body from segments: {"b64"}, {"zb64"} (zlib) or {"rep": [b64, n]}."""
    return b"".join(map(_segment_bytes, segments))


def _segment_bytes(segment):
    if "b64" in segment:
        return base64.b64decode(segment["b64"])
    if "zb64" in segment:
        return zlib.decompress(base64.b64decode(segment["zb64"]))
    data, count = segment["rep"]
    return base64.b64decode(data) * count
