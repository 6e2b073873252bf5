"""JPEG files: kinds, orientations, metadata, lies in the frame header."""

import io
import zipfile

from PIL import Image, MpoImagePlugin

from tests.cases.images.build import SECRETS, encoded, gradient, noise, private_exif
from tests.cases.images.case import COR, FMT, PIX, Made

_LOOP = b"Exif\0\0" + b"II*\0\x08\0\0\0\x00\x00\x08\0\0\0"
_LONG = b"Exif\0\0" + b"II*\0\x08\0\0\0\0\0" + b"A" * 60_000


def cases():
    image = noise()
    plain = encoded(image, "JPEG", quality=90)
    yield from _kinds(image, plain)
    yield from _orientations()
    yield from _metadata(image, plain)
    yield from _lies(plain)


def _kinds(image, plain):
    yield Made("jpeg_baseline.jpg", plain, "accept", size=(64, 48))
    cmyk = encoded(image.convert("CMYK"), "JPEG")
    yield Made("jpeg_cmyk.jpg", cmyk, "accept", note="not to be inverted")
    yield Made("jpeg_progressive.jpg", encoded(image, "JPEG", progressive=True), "accept")
    frames = encoded(
        image, MpoImagePlugin.MpoImageFile.format, save_all=True, append_images=[gradient()]
    )
    yield Made(
        "mpo_two_frames.jpg", frames, "accept", note="phones write it; frame 0", size=(64, 48)
    )


def _orientations():
    for value in (2, 3, 4, 5, 6, 7, 8):
        size = (48, 64) if value >= 5 else (64, 48)
        yield Made(f"jpeg_orientation_{value}.jpg", _turned(value), "accept", size=size)
    for value in (0, 9, 65535):
        note = "an unknown value means 1"
        yield Made(
            f"jpeg_orientation_{value}.jpg", _turned(value), "accept", note=note, size=(64, 48)
        )


def _turned(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return encoded(gradient(), "JPEG", exif=exif)


def _metadata(image, plain):
    data = encoded(image, "JPEG", exif=private_exif())
    yield Made("jpeg_gps.jpg", data, "accept", secrets=SECRETS)
    yield Made("jpeg_big_exif.jpg", encoded(image, "JPEG", exif=_LONG), "accept")
    yield Made("jpeg_exif_ifd_loop.jpg", encoded(image, "JPEG", exif=_LOOP), "accept", max_ms=500)
    data = encoded(image, "JPEG", comment=b"<script>alert(1)</script>")
    yield Made("jpeg_comment_markup.jpg", data, "accept", secrets=SECRETS)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo("evil.class"), b"\xca\xfe\xba\xbe")
    yield Made("jpeg_then_zip.jpg", plain + archive.getvalue(), "accept", secrets=SECRETS)
    comments = plain[:2] + b"\xff\xfe\x00\x05abc" * 5000 + plain[2:]
    yield Made("jpeg_garbage_between_markers.jpg", comments, "accept")


def _lies(plain):
    frame = plain.index(b"\xff\xc0")
    data = plain[: frame + 5] + b"\xff\xff\xff\xff" + plain[frame + 9 :]
    yield Made("jpeg_65535x65535.jpg", data, "reject", PIX)
    data = plain[: frame + 4] + b"\x0c" + plain[frame + 5 :]
    yield Made("jpeg_12_bit.jpg", data, "reject", COR + FMT)
    data = plain.replace(b"\xff\xc0", b"\xff\xc9", 1)
    yield Made("jpeg_arithmetic_marker.jpg", data, "either", COR + FMT)
    yield Made("jpeg_cut.jpg", plain[: len(plain) * 2 // 3], "reject", COR, "half a download")
