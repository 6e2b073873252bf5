"""Files that are something else, whatever their names say: refused before any decoder sees them."""

import base64
import time

from PIL import (
    DdsImagePlugin,
    EpsImagePlugin,
    GifImagePlugin,
    IcnsImagePlugin,
    IcoImagePlugin,
    Jpeg2KImagePlugin,
    PcxImagePlugin,
    PdfImagePlugin,
    TiffImagePlugin,
)

from tests.cases.images.build import encoded, noise, png
from tests.cases.images.case import COR, FMT, PIX, Made

_SVG = b"<svg xmlns='http://www.w3.org/2000/svg' "
_LINK = b"xmlns:xlink='http://www.w3.org/1999/xlink'><image xlink:href='http://169.254.169.254/'/></svg>"
_MVG = b"""push graphic-context
viewbox 0 0 640 480
fill 'url(https://127.0.0.1/x"|ls "-la)'
pop graphic-context
"""
_EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(%pipe%id) (r) file\nshowpage\n"
_PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF"
_FITS = b"SIMPLE  =                    T" + b" " * 50
# Imported by name, because the product keeps Pillow from looking for plugins.
_WRITERS = {
    "tiff": TiffImagePlugin,
    "ico": IcoImagePlugin,
    "pcx": PcxImagePlugin,
    "dds": DdsImagePlugin,
    "icns": IcnsImagePlugin,
    "jpeg2000": Jpeg2KImagePlugin,
    "eps": EpsImagePlugin,
    "pdf": PdfImagePlugin,
    "gif": GifImagePlugin,
}
_NAMES = {"gif": "gif_named.png", "jpeg2000": "valid_jpeg2000.jp2"}
EPOCH = time.gmtime(0)


def cases():
    yield from _text()
    yield from _binary()
    yield from _valid()
    yield from _phones()


def _text():
    yield Made("empty.png", b"", "reject", ("empty",))
    error = b'{"error":{"message":"nsfw"}}'
    yield Made("json_error_named.png", error, "reject", FMT, role="result", mentions=("JSON",))
    yield Made("svg_script.png", _SVG + b"onload='alert(1)'/>", "reject", FMT, mentions=("SVG",))
    yield Made("svg_ssrf.svg", _SVG + _LINK, "reject", FMT, mentions=("SVG",))
    yield Made("imagetragick.mvg", _MVG, "reject", FMT)
    yield Made("eps_ghostscript.eps", _EPS, "reject", FMT, "must never reach Ghostscript")
    yield Made("pdf_named.png", _PDF, "reject", FMT, mentions=("PDF",))
    yield Made("fits_gzip.fits", _FITS, "reject", FMT)
    xbm = b"#define a_width " + b"1" * 100_000
    yield Made("xbm_redos.xbm", xbm, "reject", FMT, max_ms=300)
    yield Made("ppm_huge.ppm", b"P6\n100000 100000\n255\n", "reject", FMT + PIX)
    text = base64.b64encode(png())
    yield Made("base64_text.png", text, "reject", FMT, mentions=("base64",))


def _binary():
    yield Made("one_byte.png", b"\x89", "reject", COR + FMT)
    yield Made("riff_wav.webp", b"RIFF\x24\0\0\0WAVEfmt ", "reject", FMT)
    yield Made("elf_named.png", b"\x7fELF" + b"\0" * 60, "reject", FMT)
    yield Made("psd.psd", b"8BPS\0\x01" + b"\0" * 60, "reject", FMT, mentions=("PSD",))
    html = b"\xff\xd8\xff<html><script>alert(1)</script>"
    yield Made("jpeg_soi_then_html.jpg", html, "reject", COR + FMT)
    yield Made("riff_webp_only.webp", b"RIFF\x04\0\0\0WEBP", "reject", COR + FMT)


def _valid():
    picture = noise().resize((32, 32))
    for name in _WRITERS:
        image = picture.convert("P") if name == "gif" else picture
        options = {"creationDate": EPOCH, "modDate": EPOCH} if name == "pdf" else {}
        data = encoded(image, name.upper(), **options)
        file = _NAMES.get(name, f"valid_{name}.{name}")
        yield Made(file, data, "reject", FMT, "whole, but not on the list")


def _phones():
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)
    yield Made("phone.heic", heic, "reject", FMT, mentions=("HEIC",))
    avif = b"\0\0\0\x20ftypmif1\0\0\0\0mif1avifmiafMA1B" + bytes(64)
    yield Made("phone.avif", avif, "reject", FMT, mentions=("AVIF",))
