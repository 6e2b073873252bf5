"""The limits on requests and responses as a table, read from the code that holds them."""

from devserver.settings import MAX_PAYLOAD_BYTES
from retouch.api.endpoint_request import MAX_HTTP_RESPONSE_BYTES
from retouch.api.events.direct_invoke import MAX_RESPONSE_BYTES
from retouch.api.request.limits import DEFAULT_LIMITS as BODY
from retouch.core.settings import Settings
from retouch.gateway.results.early_storage import MAX_HELD_BYTES
from retouch.imaging.limits import DEFAULT_LIMITS as IMAGE


def limits_table() -> str:
    """Return a table with one row for each limit: the value, who sets it, and the remedy."""
    rows = ["| what | limit | set by | remedy |", "|---|---|---|---|"]
    return "\n".join([*rows, *(f"| {' | '.join(row)} |" for row in _limit_rows())])


Row = tuple[str, str, str, str]


def _limit_rows() -> tuple[Row, ...]:
    return (*_request_rows(), *_image_rows(), *_form_rows(), *_response_rows())


def _request_rows() -> tuple[Row, ...]:
    settings = Settings()
    upload_minutes = settings.upload_seconds // 60
    return (
        (
            "all files of a request together",
            f"about {MAX_PAYLOAD_BYTES // 4 * 3 / 1e6:.1f} MB",
            f"Lambda: {MAX_PAYLOAD_BYTES:,} bytes for an event, which has the body as base64",
            "upload first",
        ),
        ("the body", f"{BODY.max_body_bytes:,} bytes", "API Gateway", "upload first"),
        (
            "an uploaded file, or a file behind a URL",
            _megabytes(settings.max_upload_bytes),
            "Retouch",
            "JPEG or WebP",
        ),
        (
            "the form for an upload",
            f"valid for {upload_minutes} minutes",
            "Retouch",
            "ask for a new one",
        ),
    )


def _image_rows() -> tuple[Row, ...]:
    return (
        ("an image file", _megabytes(IMAGE.image_bytes), "Retouch", "JPEG or WebP"),
        ("pixels of an image", _megapixels(IMAGE.pixels), "Retouch", "scale it"),
        ("pixels of a WebP", _megapixels(IMAGE.webp_pixels), "Retouch", "PNG or JPEG"),
        (
            "pixels of a lossless WebP result",
            _megapixels(IMAGE.lossless_webp_pixels),
            "Retouch",
            "PNG",
        ),
        ("width and height", f"{IMAGE.side:,} pixels each", "Retouch", "scale it"),
    )


def _form_rows() -> tuple[Row, ...]:
    return (
        ("images of a request", str(BODY.max_images), "Retouch; many models take fewer", ""),
        ("parts of a form", str(BODY.max_parts), "Retouch", ""),
        (
            "a text field, such as `prompt`",
            f"{BODY.max_field_bytes:,} bytes",
            "Retouch; many models take fewer",
            "send images as files",
        ),
    )


def _response_rows() -> tuple[Row, ...]:
    return (
        ("a response over HTTP", "200 MB, 15 minutes", "API Gateway and Lambda", "fewer images"),
        (
            "the base64 of a response",
            f"{_megabytes(MAX_HTTP_RESPONSE_BYTES)}; of several finished images "
            f"{_megabytes(MAX_HELD_BYTES // 3 * 4)}",
            "Retouch",
            "none needed: a larger result becomes links",
        ),
        (
            "the result of a direct invoke",
            _megabytes(MAX_RESPONSE_BYTES),
            f"Lambda: {MAX_PAYLOAD_BYTES:,} bytes",
            "none needed: a larger result becomes links",
        ),
    )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:g} MB"


def _megapixels(count: int) -> str:
    return f"{count / 1e6:g} megapixels"
