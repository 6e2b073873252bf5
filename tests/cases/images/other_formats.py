"""Files of formats that are not accepted, with any file name. They are refused before any decoder reads them."""

import base64
import time

from PIL import (
    DdsImagePlugin,
    EpsImagePlugin,
    IcnsImagePlugin,
    IcoImagePlugin,
    Jpeg2KImagePlugin,
    PcxImagePlugin,
    PdfImagePlugin,
)

from tests.cases.images.build import encode_image, noise_image, png
from tests.cases.images.case import CORRUPT, TOO_MANY_PIXELS, WRONG_FORMAT, CaseSpec

_SVG = b"<svg xmlns='http://www.w3.org/2000/svg' "
_SVG_LINK = b"xmlns:xlink='http://www.w3.org/1999/xlink'><image xlink:href='http://169.254.169.254/'/></svg>"
_MVG = b"""push graphic-context
viewbox 0 0 640 480
fill 'url(https://127.0.0.1/x"|ls "-la)'
pop graphic-context
"""
_EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(%pipe%id) (r) file\nshowpage\n"
_PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF"
_FITS = b"SIMPLE  =                    T" + b" " * 50
# These plugins are imported by name, because the package stops Pillow from searching for plugins.
_WRITERS = {
    "ico": IcoImagePlugin,
    "pcx": PcxImagePlugin,
    "dds": DdsImagePlugin,
    "icns": IcnsImagePlugin,
    "jpeg2000": Jpeg2KImagePlugin,
    "eps": EpsImagePlugin,
    "pdf": PdfImagePlugin,
}
_FILE_NAMES = {"jpeg2000": "valid_jpeg2000.jp2"}
EPOCH = time.gmtime(0)


def cases():
    yield from _text_files()
    yield from _binary_files()
    yield from _valid_files()


def _text_files():
    yield CaseSpec("empty.png", b"", "reject", ("empty",))
    error = b'{"error":{"message":"nsfw"}}'
    yield CaseSpec(
        "json_error_named.png",
        error,
        "reject",
        WRONG_FORMAT,
        role="result",
        message_contains=("JSON",),
    )
    yield CaseSpec(
        "svg_script.png",
        _SVG + b"onload='alert(1)'/>",
        "reject",
        WRONG_FORMAT,
        message_contains=("SVG",),
    )
    yield CaseSpec(
        "svg_ssrf.svg", _SVG + _SVG_LINK, "reject", WRONG_FORMAT, message_contains=("SVG",)
    )
    yield CaseSpec("imagetragick.mvg", _MVG, "reject", WRONG_FORMAT)
    yield CaseSpec(
        "eps_ghostscript.eps", _EPS, "reject", WRONG_FORMAT, "must never reach Ghostscript"
    )
    yield CaseSpec("pdf_named.png", _PDF, "reject", WRONG_FORMAT, message_contains=("PDF",))
    yield CaseSpec("fits_gzip.fits", _FITS, "reject", WRONG_FORMAT)
    xbm = b"#define a_width " + b"1" * 100_000
    yield CaseSpec("xbm_redos.xbm", xbm, "reject", WRONG_FORMAT, max_ms=300)
    yield CaseSpec(
        "ppm_huge.ppm", b"P6\n100000 100000\n255\n", "reject", WRONG_FORMAT + TOO_MANY_PIXELS
    )
    text = base64.b64encode(png())
    yield CaseSpec("base64_text.png", text, "reject", WRONG_FORMAT, message_contains=("base64",))


def _binary_files():
    yield CaseSpec("one_byte.png", b"\x89", "reject", CORRUPT + WRONG_FORMAT)
    yield CaseSpec("riff_wav.webp", b"RIFF\x24\0\0\0WAVEfmt ", "reject", WRONG_FORMAT)
    yield CaseSpec("elf_named.png", b"\x7fELF" + b"\0" * 60, "reject", WRONG_FORMAT)
    yield CaseSpec(
        "psd.psd", b"8BPS\0\x01" + b"\0" * 60, "reject", WRONG_FORMAT, message_contains=("PSD",)
    )
    html = b"\xff\xd8\xff<html><script>alert(1)</script>"
    yield CaseSpec("jpeg_soi_then_html.jpg", html, "reject", CORRUPT + WRONG_FORMAT)
    yield CaseSpec("riff_webp_only.webp", b"RIFF\x04\0\0\0WEBP", "reject", CORRUPT + WRONG_FORMAT)


def _valid_files():
    rgb_image = noise_image().resize((32, 32))
    for name in _WRITERS:
        options = {"creationDate": EPOCH, "modDate": EPOCH} if name == "pdf" else {}
        data = encode_image(rgb_image, name.upper(), **options)
        file = _FILE_NAMES.get(name, f"valid_{name}.{name}")
        yield CaseSpec(file, data, "reject", WRONG_FORMAT, "valid, but not an accepted format")
