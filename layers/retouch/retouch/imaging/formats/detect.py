"""Guess the type of a file that is no accepted image, for the error message."""

from __future__ import annotations

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"GIF8", "GIF"),
    (b"II+\0", "BigTIFF"),
    (b"MM\0+", "BigTIFF"),
    (b"BM", "BMP"),
    (b"\0\0\1\0", "ICO"),
    (b"\0\0\2\0\0\0", "TGA"),
    (b"\0\0\2\0", "CUR"),
    (b"\0\0\n\0\0\0", "TGA"),
    (b"\n\5\1", "PCX"),
    (b"qoif", "QOI"),
    (b"P5", "PNM"),
    (b"P6", "PNM"),
    (b"v/1\1", "OpenEXR"),
    (b"II\xbc\1", "JPEG XR"),
    (b"icns", "ICNS"),
    (b"8BPS", "PSD"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"DDS ", "DDS"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x1aE\xdf\xa3", "Matroska or WebM video"),
    (b"PK\3\4", "ZIP"),
    (b"\x1f\x8b", "gzip"),
    (b"\x7fELF", "ELF"),
    (b"data:image/", "data URL text"),
    (b"iVBORw0KGgo", "base64 text"),
    (b"/9j/", "base64 text"),
    (b"UklGR", "base64 text"),
)
_IMAGE_BRANDS = {b"jxl ": "JPEG XL", b"crx ": "Canon CR3", b"jp2 ": "JPEG 2000"}


def guess_file_type(data: bytes) -> str:
    """Return a well-known name for the type of the bytes, or "empty" or "unknown"."""
    if not data:
        return "empty"
    head = bytes(data[:1024])
    if head[4:8] == b"ftyp":
        return _guess_iso_media(head)
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    return _guess_binary(head) if b"\0" in head else _guess_text(head)


def _guess_iso_media(head: bytes) -> str:
    """Return the type of an ISO base media file that is no HEIC or AVIF, by its major brand."""
    return _IMAGE_BRANDS.get(head[8:12], "MP4 or QuickTime video")


def _guess_binary(head: bytes) -> str:
    if head.startswith(b"RIFF"):
        return "RIFF (WAV or AVI)"
    return "unknown"


def _guess_text(head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in text:
        return "SVG"
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "HTML"
    if text.startswith(b"<?xml"):
        return "XML"
    if text.startswith((b"{", b"[")):
        return "JSON text"
    return "unknown"
