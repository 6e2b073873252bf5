"""Parser of an edit's request body, multipart or JSON, into a ParsedForm. It does not judge the values.

Both encodings give the same ParsedForm. There is one difference: a multipart text field arrives as `FormText`,
because form text has no type yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from retouch.api.request import json_body, multipart
from retouch.api.request.file_parts import (
    MASK_FIELDS,
    is_image_field,
    is_image_text,
    is_mask_json,
    is_url,
)
from retouch.api.request.image_references import (
    check_image_count,
    image_from_object,
    image_from_url,
)
from retouch.api.request.limits import DEFAULT_LIMITS, BodyLimits
from retouch.core.edit_types import (
    FormText,
    HttpRequest,
    ImageInput,
    ImageReference,
    MaskShapes,
    ParsedForm,
    Part,
)
from retouch.core.errors import InvalidRequest, UnsupportedMedia
from retouch.core.parameters import quote_value

# The content codings of HTTP: https://www.iana.org/assignments/http-parameters
_COMPRESSIONS = frozenset(
    ("gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz")
)

_CURL_DATA_TYPE = "application/x-www-form-urlencoded"  # of `curl -d`

_MAX_PATH_LENGTH = 260  # Characters. Longer texts are no paths.


def parse_form(request: HttpRequest, limits: BodyLimits = DEFAULT_LIMITS) -> ParsedForm:
    """Return the request's fields. Raises InvalidRequest or a subclass of it when the body cannot be read."""
    _reject_content_encoding(request)
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in ("multipart/form-data", "application/json"):
        hint = " With curl, use -F instead of -d." if media_type == _CURL_DATA_TYPE else ""
        raise UnsupportedMedia(
            f"Content-Type {quote_value(media_type)} is not accepted; "
            f"send multipart/form-data or application/json.{hint}"
        )
    if not request.body:
        raise InvalidRequest("The request has no body.", code="empty_body")
    if media_type == "application/json":
        return reject_object_references(json_body.parse_json_form(request.body, limits))
    boundary = multipart.parse_boundary(content_type, limits)
    parts = multipart.parse_parts(request.body, boundary, limits)
    return reject_object_references(form_from_parts(parts, limits))


def reject_object_references(form: ParsedForm) -> ParsedForm:
    """Raise InvalidRequest for an S3 reference: over HTTP it would give access to the images of other callers."""
    for image in (*form.images, form.mask):
        if isinstance(image, ImageReference) and image.kind == "object":
            raise InvalidRequest(
                f"'{image.field}' names an S3 object, which is allowed in a direct invoke only. "
                "Upload the image with POST /v1/uploads.",
                param=image.field,
                code="unsupported_image_url",
            )
    return form


def _reject_content_encoding(request: HttpRequest) -> None:
    """Raise UnsupportedMedia for a compressed body, and for a plain one that is labelled as compressed.

    Any other label that the first byte contradicts, such as aws-chunked, has no meaning.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    is_plain = request.body.lstrip()[:1] in (b"-", b"{", b"[", b"")
    names_compression = any(name.strip() in _COMPRESSIONS for name in encoding.split(","))
    if encoding not in ("", "identity") and (names_compression or not is_plain):
        raise UnsupportedMedia(
            f"Content-Encoding {quote_value(encoding)} is not accepted; send the body uncompressed.",
            code="unsupported_content_encoding",
        )


def form_from_parts(parts: Iterable[Part], limits: BodyLimits = DEFAULT_LIMITS) -> ParsedForm:
    """Sort the parts into images (in their order), mask and scalars.

    Raises InvalidRequest when a scalar or the mask occurs more than once.
    """
    images: list[ImageInput] = []
    values: dict[str, Any] = {}
    for part in parts:
        if is_image_field(part.name):
            images += _read_image(part)
        elif part.name in values or (part.name in MASK_FIELDS and "mask" in values):
            raise _duplicate_field_error(part.name)
        elif part.name in MASK_FIELDS:
            values["mask"] = _read_mask(part)
        elif part.name.startswith(("mask[", "mask.")):
            raise _nested_mask_error(part.name)
        else:
            values[part.name] = FormText(_decode_text(part))
    check_image_count(images, limits)
    mask = values.pop("mask", None)
    non_empty_values = {name: value for name, value in values.items() if value != ""}
    return ParsedForm(non_empty_values, tuple(images), mask)


def _read_image(part: Part) -> list[ImageInput]:
    """Return the part's image in a list. The list is empty for the empty file that browsers send without a choice."""
    if not part.is_file and is_url(part.data):
        return [image_from_url(_decode_text(part), part.name)]
    if part.filename is None and is_image_text(part.data):
        return _read_image_text(part)
    _reject_corrupted_file(part)
    _reject_path(part)
    return [part.data] if part.data or part.filename else []


def _read_image_text(part: Part) -> list[ImageInput]:
    """Return the images of a text: base64, a URL after white space, or what a JSON body has in its place."""
    text = _decode_text(part).strip()
    if not text.startswith(("{", "[")):
        return [image_from_url(text, part.name)]
    value = json_body.drop_nulls(json_body.parse_json_field(text, part.name))
    items = value if isinstance(value, list) else [value]
    return [image_from_object(item, part.name) for item in items if item]


def _read_mask(part: Part) -> ImageInput | MaskShapes | None:
    if is_mask_json(part.data):  # also with a file name, which browsers give to a Blob
        return json_body.parse_mask(json_body.parse_json_field(part.data, part.name))
    return next(iter(_read_image(part)), None)


def _reject_corrupted_file(part: Part) -> None:
    # Image signatures have a byte above 0x7f. U+FFFD in its place shows that API Gateway decoded the body as text.
    if b"\xef\xbf\xbd" in part.data[:4]:
        raise InvalidRequest(
            f"File {quote_value(part.name)} was decoded as text before it reached the gateway, so its bytes are lost. "
            "Set the API's binaryMediaTypes so that multipart/form-data passes as bytes.",
            param=part.name,
            code="body_corrupted_by_gateway",
        )


def _reject_path(part: Part) -> None:
    """Raise InvalidRequest when the field has a short text, such as the path of a file, instead of a file."""
    text = part.data.decode("latin-1")[: _MAX_PATH_LENGTH + 1]
    if part.filename is None and 0 < len(text) <= _MAX_PATH_LENGTH and text.isprintable():
        name = part.name
        raise InvalidRequest(
            f"Field {quote_value(name)} is the text {quote_value(text)}, not a file. Send the content of the file; "
            f"with curl, put @ before its path: -F {name}=@photo.png. A URL begins with https:// or data:image/.",
            param=name,
            code="unsupported_image_format",
        )


def _decode_text(part: Part) -> str:
    try:
        return part.data.decode()
    except UnicodeDecodeError:
        if part.filename is not None:
            raise InvalidRequest(
                f"Unknown file field {quote_value(part.name)}. Send the image as 'image' and the mask as 'mask'.",
                param=part.name,
                code="unknown_parameter",
            ) from None
        raise InvalidRequest(
            f"Field {quote_value(part.name)} is not valid UTF-8 text.",
            param=part.name,
            code="invalid_text",
        ) from None


def _nested_mask_error(name: str) -> InvalidRequest:
    """Return the error for a member of the mask object, as SDKs send an object in a form."""
    return InvalidRequest(
        f"Field {quote_value(name)} is a part of an object. In a form, send 'mask' as one field with JSON text: "
        "json.dumps(mask) in Python, JSON.stringify(mask) in JavaScript.",
        param="mask",
        code="unknown_parameter",
    )


def _duplicate_field_error(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"Field {quote_value(name)} was sent more than once; it may occur once.",
        param=name,
        code="duplicate_parameter",
    )
