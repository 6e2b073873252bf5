"""Compare the pixel path of Retouch with the minimum in Pillow, and the time and bytes of encoder options.

The minimum decodes the original and the provider's image, blends them by a mask and encodes the result. The pixel path
does the same and also checks the images, feathers the mask and counts pixels. The operations alternate in one process.
"""

from __future__ import annotations

import io
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

from bench.images import grainy_photo
from bench.progress import Progress
from bench.report import markdown_table
from bench.stats import ratio
from retouch.imaging.codec import decode, encode, encode_lossless
from retouch.imaging.colour import decode_srgb
from retouch.imaging.compose import composite_original, default_feather
from retouch.imaging.inspect import inspect_image
from retouch.imaging.png_writer import write_photo

GOAL_RATIO = 1.15
IMAGE_SIDES = (1024, 2048)  # Pixels.
PILLOW, RETOUCH = "Pillow", "Retouch"
_WARM_UP_TURNS = 1
# For exact pixels, where the format supports them. Pillow's PNG encoder is the fastest of its settings here. Retouch
# writes PNG files itself.
_USED_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "png": {"compress_level": 1, "compress_type": zlib.Z_RLE},
    "webp": {"lossless": True, "exact": True, "method": 0, "quality": 0},
    "jpeg": {"quality": 95},
}
OWN_PNG = ("png", "Sub filter and ISA-L")
_USED_LOSSY_WEBP = {"quality": 95, "method": 2}  # Lossy WebP.
_MEASURED_OPTIONS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "png": (
        *({"compress_level": level} for level in (0, 1, 2, 3, 6, 9)),
        *({"compress_level": 1, "compress_type": way} for way in (zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE)),
    ),
    "webp": (
        *(
            {"lossless": True, "exact": True, "method": method, "quality": effort}
            for method, effort in ((0, 0), (0, 50), (0, 80), (1, 0), (2, 0), (4, 80))
        ),
        *({"quality": 95, "method": method} for method in (0, 2, 4, 6)),
    ),
    "jpeg": ({"quality": 95}, {"quality": 95, "subsampling": 0}, {"quality": 95, "optimize": True}),
}
Work = Callable[[], object]


def run(turns: int) -> str:
    """Measure and return both tables in markdown."""
    comparisons = {
        (side, kind): build_comparison(side, kind)
        for side in IMAGE_SIDES
        for kind in ("png", "webp", "jpeg")
    }
    image = grainy_photo(IMAGE_SIDES[0])
    encoders = {
        OWN_PNG: lambda: write_photo(image, None),
        **{
            (format, options_text(options)): encoder(image, format, options)
            for format, each in _MEASURED_OPTIONS.items()
            for options in each
        },
    }
    progress = Progress((turns + _WARM_UP_TURNS) * (len(comparisons) + 1))
    times = {name: measure(works, turns, progress) for name, works in comparisons.items()}
    encoder_times = measure(encoders, turns, progress)
    progress.finish()
    encoded_bytes = {name: len(work()) for name, work in encoders.items()}
    return f"{comparison_table(times)}\n\n{encoder_table(encoder_times, encoded_bytes)}"


def build_comparison(side: int, kind: str) -> dict[str, Work]:
    """Return both operations, which turn two files into one file of that format."""
    image = grainy_photo(side)
    original, provider_image = (
        encode(each, "jpeg" if kind == "jpeg" else "png")
        for each in (image, image.filter(ImageFilter.GaussianBlur(2)))
    )
    edit_mask = Image.new("L", image.size)
    ImageDraw.Draw(edit_mask).ellipse((side // 4, side // 4, side // 2, side // 2), fill=255)
    return {
        PILLOW: lambda: run_pillow(original, provider_image, edit_mask, kind),
        RETOUCH: lambda: run_retouch(original, provider_image, edit_mask, kind),
    }


def run_pillow(original: bytes, provider_image: bytes, edit_mask: Image.Image, kind: str) -> bytes:
    """Composite and encode with Pillow alone, with the same encoder options."""
    before, after = (Image.open(io.BytesIO(data)) for data in (original, provider_image))
    blended = Image.composite(after, before, edit_mask)
    out = io.BytesIO()
    blended.save(out, kind, **_USED_OPTIONS[kind])
    return out.getvalue()


def run_retouch(original: bytes, provider_image: bytes, edit_mask: Image.Image, kind: str) -> bytes:
    """Composite and encode as Retouch does when the mask preserves a part of the original."""
    feather = default_feather(edit_mask.size)
    image, _ = composite_original(
        decode_srgb(inspect_image(original)),
        decode(inspect_image(provider_image)),
        edit_mask,
        feather=feather,
    )
    return encode_lossless(image, kind)


def encoder(image: Image.Image, format: str, options: Mapping[str, Any]) -> Callable[[], bytes]:
    """Return a function that encodes the image with these options."""

    def encode_once() -> bytes:
        out = io.BytesIO()
        image.save(out, format, **options)
        return out.getvalue()

    return encode_once


def measure(
    operations: Mapping[Any, Work], turns: int, progress: Progress
) -> dict[Any, list[float]]:
    """Return the CPU milliseconds of each operation. The operation that runs first alternates."""
    milliseconds: dict[Any, list[float]] = {name: [] for name in operations}
    for turn in range(turns + _WARM_UP_TURNS):
        for name in list(operations) if turn % 2 else list(operations)[::-1]:
            started = time.process_time()
            operations[name]()
            if turn >= _WARM_UP_TURNS:
                milliseconds[name].append(1000 * (time.process_time() - started))
        progress.advance("pixels")
    return milliseconds


def comparison_table(times: Mapping[tuple[int, str], Mapping[str, list[float]]]) -> str:
    """Return a table of Retouch against Pillow, by the median of the ratios of each turn."""
    rows = []
    for (side, kind), operation_times in times.items():
        pairs = zip(operation_times[RETOUCH], operation_times[PILLOW], strict=True)
        median_ratio = median(ratio(ours, theirs) or 0.0 for ours, theirs in pairs)
        verdict = f"≤ {GOAL_RATIO} {'✓' if median_ratio <= GOAL_RATIO else '✗'}"
        medians = (f"{median(operation_times[name]):.0f}" for name in (PILLOW, RETOUCH))
        rows.append((f"{side}x{side}, {kind.upper()}", *medians, f"{median_ratio:.2f}", verdict))
    return markdown_table(
        ("decode, blend, encode", "Pillow, ms", "Retouch, ms", "ratio", "goal"), rows
    )


def encoder_table(
    times: Mapping[tuple[str, str], list[float]], encoded_bytes: Mapping[tuple[str, str], int]
) -> str:
    """Return a table of the milliseconds and bytes of each option set. The used ones are bold."""
    used_options = {
        OWN_PNG[1],
        options_text(_USED_LOSSY_WEBP),
        *(options_text(options) for kind, options in _USED_OPTIONS.items() if kind != "png"),
    }
    rows = []
    for (format, options), milliseconds in times.items():
        name = f"{format.upper()}, {options}"
        bold = f"**{name}**" if options in used_options else name
        rows.append(
            (bold, f"{median(milliseconds):.0f}", f"{encoded_bytes[format, options] / 1e3:.0f}")
        )
    return markdown_table((f"{IMAGE_SIDES[0]}x{IMAGE_SIDES[0]}", "ms", "KB"), rows)


def options_text(options: Mapping[str, Any]) -> str:
    """Return encoder options as text."""
    return ", ".join(_option_texts(options.items()))


def _option_texts(options: Iterable[tuple[str, Any]]) -> Iterable[str]:
    for name, value in options:
        if value is True:
            yield name
        else:
            yield f"{name.replace('_', ' ')} {value}"
