"""The pictures that travel: real PNGs of a known weight, the same on every run."""

import io
import random
from pathlib import Path

from PIL import Image, ImageDraw

# name -> (side in pixels, rows of noise). Noise does not compress, so the rows set the weight.
PICTURES = {
    "upload-20k.png": (256, 25),
    "upload-3m.png": (1024, 1000),
    "answer-20k.png": (256, 26),
    "answer-1m.png": (1024, 374),
}
MASKS = {"mask-256.png": 256, "mask-1024.png": 1024}


def picture(side: int, noisy_rows: int) -> bytes:
    """A square RGB picture whose first rows are noise."""
    image = Image.new("RGB", (side, side), (90, 120, 200))
    noise = random.Random(noisy_rows).randbytes(side * noisy_rows * 3)
    image.paste(Image.frombytes("RGB", (side, noisy_rows), noise), (0, 0))
    return _png(image)


def mask(side: int) -> bytes:
    """A square mask with one transparent window, OpenAI's sign for "edit here"."""
    image = Image.new("RGBA", (side, side), (0, 0, 0, 255))
    quarter, half = side // 4, side // 2
    ImageDraw.Draw(image).rectangle([quarter, quarter, half, half], fill=(0, 0, 0, 0))
    return _png(image)


def write_all(folder: Path) -> None:
    """Write every picture and mask that is not there yet."""
    for name in (*PICTURES, *MASKS):
        if not (folder / name).exists():
            (folder / name).write_bytes(_make(name))


def _make(name: str) -> bytes:
    return mask(MASKS[name]) if name in MASKS else picture(*PICTURES[name])


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
