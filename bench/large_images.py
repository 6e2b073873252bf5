"""The files of the memory benchmark: the largest picture that is accepted, in every way that needs much memory.

They are photos with grain, made once and kept in the work folder.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# Pillow loads only the plugins of the gateway, so the others are imported here.
from PIL import AvifImagePlugin as AvifImagePlugin
from PIL import Image, ImageDraw
from PIL import TiffImagePlugin as TiffImagePlugin

from bench.paths import ROOT
from retouch.infrastructure.local.whole_file import write_file

PHONE_SIZE = (8160, 6144)  # pixels of a phone with a camera of 50 megapixels
PORTRAIT_SIZE = (4000, 6000)  # pixels after the turn that the file's EXIF asks for
_GRAIN_LEVELS = 6.0  # levels of noise, similar to a camera's
_RESULT_SIZE = (1536, 1152)


def write_missing(folder: Path, names: tuple[str, ...]) -> None:
    """Write every file of the names that does not exist yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if not (folder / name).exists():
            write_file(folder / name, _WRITERS[name]())


def _photo(size: tuple[int, int], grain_share: float = 0.15) -> Image.Image:
    with Image.open(ROOT / "events" / "photo.png") as sample:
        smooth = sample.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    grain = Image.effect_noise(size, _GRAIN_LEVELS)
    return Image.blend(smooth, Image.merge("RGB", (grain,) * 3), grain_share)


def _encode(image: Image.Image, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def _jpeg(**options: Any) -> bytes:
    return _encode(_photo(PHONE_SIZE, 0.5), "JPEG", quality=90, **options)


def _turned_jpeg() -> bytes:
    return _jpeg(progressive=True, exif=_quarter_turn())


def _portrait_jpeg() -> bytes:
    photo = _photo(PORTRAIT_SIZE[::-1], 0.3)
    return _encode(photo, "JPEG", quality=88, exif=_quarter_turn())


def _quarter_turn() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def _cmyk_jpeg() -> bytes:
    return _encode(_photo(PHONE_SIZE).convert("CMYK"), "JPEG", quality=90)


def _heic() -> bytes:
    import pillow_heif

    out = io.BytesIO()
    file = pillow_heif.from_pillow(_photo(PHONE_SIZE))
    file.save(out, quality=80, enc_params={"preset": "ultrafast"})
    return out.getvalue()


def _clear_png() -> bytes:
    image = _photo(PHONE_SIZE, 0.0)
    image.putalpha(200)
    return _encode(image, "PNG", compress_level=1)


def _16bit_png() -> bytes:
    image = Image.linear_gradient("L").resize(PHONE_SIZE).convert("I;16")
    return _encode(image, "PNG", compress_level=1)


def _mask(size: tuple[int, int]) -> bytes:
    """Return a mask whose bounding box covers most of the picture."""
    width, height = size
    image = Image.new("RGBA", size, "black")
    corners = [(300, 300), (width // 4, 400), (width - 400, height - 400)]
    ImageDraw.Draw(image).polygon(corners, fill=(0, 0, 0, 0))
    return _encode(image, "PNG", compress_level=1)


def _object_mask(size: tuple[int, int]) -> bytes:
    """Return a mask of one object in the middle, a third of the picture wide and high."""
    width, height = size
    image = Image.new("RGBA", size, "black")
    box = (width // 3, height // 3, 2 * width // 3, 2 * height // 3)
    ImageDraw.Draw(image).ellipse(box, fill=(0, 0, 0, 0))
    return _encode(image, "PNG", compress_level=1)


_WRITERS: Mapping[str, Callable[[], bytes]] = {
    "progressive.jpg": lambda: _jpeg(progressive=True),
    "progressive-422.jpg": lambda: _jpeg(progressive=True, subsampling="4:2:2"),
    "baseline-444.jpg": lambda: _jpeg(subsampling="4:4:4"),
    "turned.jpg": _turned_jpeg,
    "cmyk.jpg": _cmyk_jpeg,
    "photo.heic": _heic,
    "photo.avif": lambda: _encode(_photo(PHONE_SIZE), "AVIF", quality=60, speed=10),
    "photo.png": lambda: _encode(_photo(PHONE_SIZE, 0.1), "PNG", compress_level=1),
    "clear.png": _clear_png,
    "grey-16bit.png": _16bit_png,
    "photo.tiff": lambda: _encode(
        _photo(PHONE_SIZE, 0.0), "TIFF", compression="tiff_adobe_deflate"
    ),
    "portrait.jpg": _portrait_jpeg,
    "portrait-mask.png": lambda: _object_mask(PORTRAIT_SIZE),
    "mask.png": lambda: _mask(PHONE_SIZE),
    "turned-mask.png": lambda: _mask(PHONE_SIZE[::-1]),
    "result.png": lambda: _encode(_photo(_RESULT_SIZE, 0.3), "PNG", compress_level=6),
}
