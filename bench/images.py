"""The images of the benchmark: real PNGs of a known size in bytes, the same on every run."""

import io
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from bench.paths import ROOT
from retouch.infrastructure.local.whole_file import write_file

# File name -> (side in pixels, rows of noise). Noise does not compress, so the rows set the file size.
IMAGE_SPECS = {
    "upload-20k.png": (256, 25),
    "upload-3m.png": (1024, 1000),
    "answer-20k.png": (256, 26),
    "answer-1m.png": (1024, 374),
}
MASK_SIDES = {"mask-256.png": 256, "mask-1024.png": 1024}
PHOTO_SIDE = 1024
# File name -> radius of the blur. A provider's image is a little different from the original everywhere.
PHOTO_BLURS = {"upload-photo.png": 0.0, "answer-photo.png": 0.5}
_GRAIN_LEVELS = 6.0  # Levels of noise, similar to a camera's.


def make_image(side: int, noisy_rows: int) -> bytes:
    """Return a square RGB image whose first rows are noise."""
    image = Image.new("RGB", (side, side), (90, 120, 200))
    noise = random.Random(noisy_rows).randbytes(side * noisy_rows * 3)
    image.paste(Image.frombytes("RGB", (side, noisy_rows), noise), (0, 0))
    return _encode_png(image)


def make_mask(side: int) -> bytes:
    """Return a square mask with one transparent rectangle, which marks the edited region in OpenAI's format."""
    image = Image.new("RGBA", (side, side), (0, 0, 0, 255))
    quarter, half = side // 4, side // 2
    ImageDraw.Draw(image).rectangle([quarter, quarter, half, half], fill=(0, 0, 0, 0))
    return _encode_png(image)


def grainy_photo(side: int) -> Image.Image:
    """Return the sample photo at that size, with camera noise. Without noise it would compress like a drawing."""
    with Image.open(ROOT / "events" / "photo.png") as sample:
        smooth = sample.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    grain = Image.effect_noise((side, side), _GRAIN_LEVELS)
    return Image.blend(smooth, Image.merge("RGB", (grain,) * 3), 0.15)


def write_missing(folder: Path) -> None:
    """Write every image and mask that does not exist yet."""
    for name in (*IMAGE_SPECS, *MASK_SIDES, *PHOTO_BLURS):
        if not (folder / name).exists():
            write_file(folder / name, _image_bytes(name))


def _image_bytes(file_name: str) -> bytes:
    if file_name in MASK_SIDES:
        return make_mask(MASK_SIDES[file_name])
    if file_name in PHOTO_BLURS:
        blur = ImageFilter.GaussianBlur(PHOTO_BLURS[file_name])
        return _encode_png(grainy_photo(PHOTO_SIDE).filter(blur))
    return make_image(*IMAGE_SPECS[file_name])


def _encode_png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
