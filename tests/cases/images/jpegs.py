"""JPEG files: encodings, orientations, metadata, false values in the frame header."""

import io
import zipfile

from PIL import Image, MpoImagePlugin

from tests.cases.images.build import (
    SECRETS,
    encode_image,
    gradient_image,
    noise_image,
    private_exif,
)
from tests.cases.images.case import CORRUPT, TOO_MANY_PIXELS, WRONG_FORMAT, CaseSpec

_LOOPING_EXIF = b"Exif\0\0" + b"II*\0\x08\0\0\0\x00\x00\x08\0\0\0"
_LONG_EXIF = b"Exif\0\0" + b"II*\0\x08\0\0\0\0\0" + b"A" * 60_000


def cases():
    image = noise_image()
    baseline = encode_image(image, "JPEG", quality=90)
    yield from _encodings(image, baseline)
    yield from _orientation_files()
    yield from _metadata_files(image, baseline)
    yield from _invalid_headers(baseline)


def _encodings(image, baseline):
    yield CaseSpec("jpeg_baseline.jpg", baseline, "accept", displayed_size=(64, 48))
    cmyk = encode_image(image.convert("CMYK"), "JPEG")
    yield CaseSpec("jpeg_cmyk.jpg", cmyk, "accept", note="must not be inverted")
    yield CaseSpec("jpeg_progressive.jpg", encode_image(image, "JPEG", progressive=True), "accept")
    frames = encode_image(
        image, MpoImagePlugin.MpoImageFile.format, save_all=True, append_images=[gradient_image()]
    )
    yield CaseSpec(
        "mpo_two_frames.jpg",
        frames,
        "accept",
        note="phones write this; frame 0 counts",
        displayed_size=(64, 48),
    )


def _orientation_files():
    for value in (2, 3, 4, 5, 6, 7, 8):
        size = (48, 64) if value >= 5 else (64, 48)
        yield CaseSpec(
            f"jpeg_orientation_{value}.jpg",
            _jpeg_with_orientation(value),
            "accept",
            displayed_size=size,
        )
    for value in (0, 9, 65535):
        note = "an unknown value means 1"
        yield CaseSpec(
            f"jpeg_orientation_{value}.jpg",
            _jpeg_with_orientation(value),
            "accept",
            note=note,
            displayed_size=(64, 48),
        )


def _jpeg_with_orientation(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return encode_image(gradient_image(), "JPEG", exif=exif)


def _metadata_files(image, baseline):
    data = encode_image(image, "JPEG", exif=private_exif())
    yield CaseSpec("jpeg_gps.jpg", data, "accept", secrets=SECRETS)
    yield CaseSpec("jpeg_big_exif.jpg", encode_image(image, "JPEG", exif=_LONG_EXIF), "accept")
    yield CaseSpec(
        "jpeg_exif_ifd_loop.jpg",
        encode_image(image, "JPEG", exif=_LOOPING_EXIF),
        "accept",
        max_ms=500,
    )
    data = encode_image(image, "JPEG", comment=b"<script>alert(1)</script>")
    yield CaseSpec("jpeg_comment_markup.jpg", data, "accept", secrets=SECRETS)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo("evil.class"), b"\xca\xfe\xba\xbe")
    yield CaseSpec("jpeg_then_zip.jpg", baseline + archive.getvalue(), "accept", secrets=SECRETS)
    comments = baseline[:2] + b"\xff\xfe\x00\x05abc" * 5000 + baseline[2:]
    yield CaseSpec("jpeg_garbage_between_markers.jpg", comments, "accept")


def _invalid_headers(baseline):
    frame_header = baseline.index(b"\xff\xc0")
    data = baseline[: frame_header + 5] + b"\xff\xff\xff\xff" + baseline[frame_header + 9 :]
    yield CaseSpec("jpeg_65535x65535.jpg", data, "reject", TOO_MANY_PIXELS)
    data = baseline[: frame_header + 4] + b"\x0c" + baseline[frame_header + 5 :]
    yield CaseSpec("jpeg_12_bit.jpg", data, "reject", CORRUPT + WRONG_FORMAT)
    data = baseline.replace(b"\xff\xc0", b"\xff\xc9", 1)
    yield CaseSpec("jpeg_arithmetic_marker.jpg", data, "either", CORRUPT + WRONG_FORMAT)
    yield CaseSpec(
        "jpeg_cut.jpg", baseline[: len(baseline) * 2 // 3], "reject", CORRUPT, "incomplete download"
    )
