"""GET /playground: a page that paints a mask and edits an image, and its files.

The page is a client like any other: it uses only the public API. It has three files: a page, a style sheet and a
script. The script is made of the modules in `api/playground/`, so that a browser loads one file and no build is needed.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from retouch.api.endpoint_request import EndpointRequest, own_headers, plain_response
from retouch.api.request.entity_tags import is_known
from retouch.core.edit_types import HttpRequest
from retouch.core.errors import NotFound, NotStored
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.http_response import HttpResponse
from retouch.gateway.services import Services

FOLDER = Path(__file__).parent.parent / "playground"
# A module stands after the modules that it imports.
MODULES = (
    "mask",
    "difference",
    "viewport",
    "painter",
    "requests",
    "storage",
    "code_samples",
    "form",
    "result",
    "state",
    "pictures",
    "submissions",
    "page",
)
_IMPORT = re.compile(r"^import [^;]*;\n", re.M)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const))", re.M)
_TYPES = {
    "page.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "sample.jpg": "image/jpeg",
}


@frozen_dataclass
class PageFile:
    """A file of the page: its bytes, its media type and its entity tag."""

    data: bytes
    media_type: str
    entity_tag: str


@cache
def read_file(name: str) -> PageFile | None:
    """Return a file of the page, or None when there is no such file."""
    from hashlib import sha256

    media_type = _TYPES.get(name)
    if media_type is None:
        return None
    data = _join_modules() if name == "page.js" else (FOLDER / name).read_bytes()
    return PageFile(data, media_type, f'"{sha256(data).hexdigest()[:32]}"')


def _join_modules() -> bytes:
    """Return all modules as one script."""
    texts = [(FOLDER / f"{name}.js").read_text() for name in MODULES]
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts).encode()


def get_playground(request: EndpointRequest, services: Services) -> HttpResponse:
    """Return the page or one of its files. Raises NotFound."""
    name = request.http_request.path.removeprefix("/playground").strip("/") or "page.html"
    file = read_file(name) if services.settings.playground_enabled else None
    if file is None:
        raise NotFound("There is no such page.")
    segment = _path_segment(request.http_request)
    if segment:
        return plain_response(308, {**own_headers(request), "Location": f"../{segment}"}, b"")
    headers = {
        **own_headers(request),
        **_security_headers(services),
        "Content-Type": file.media_type,
        "Cache-Control": "no-cache",
        "ETag": file.entity_tag,
    }
    if is_known(file.entity_tag, request.http_request.headers):
        return plain_response(304, headers, b"")
    return plain_response(200, headers, file.data)


def _path_segment(http_request: HttpRequest) -> str:
    """Return where to find the file, relative to the folder above. Empty when the request has the right path.

    The links of the page are relative, and lead elsewhere below a path that ends in a slash or in the page's own name.
    A relative location also holds behind the prefix of a stage and behind the base path of a custom domain.
    """
    path = http_request.path.rstrip("/")
    if http_request.has_trailing_slash:
        return path.rpartition("/")[2]
    return "playground" if path == "/playground/page.html" else ""


def _security_headers(services: Services) -> dict[str, str]:
    bucket = _bucket_origin(services)
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        f"img-src 'self' blob: data:{bucket}; connect-src 'self'{bucket}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }


def _bucket_origin(services: Services) -> str:
    """Return the origin of the bucket, where uploads go and results are, after a space. Empty without a bucket."""
    if not services.settings.bucket:
        return ""
    try:
        url = urlsplit(services.bucket.sign("results/", 60))
    except NotStored:
        return ""
    return f" {url.scheme}://{url.netloc}"
