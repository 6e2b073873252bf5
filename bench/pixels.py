"""The pixel path beside Pillow's floor, and what each encoder's settings cost: time against bytes.

The floor is what nobody can leave out: decode the original and the answer, blend them by a mask, encode. The path does
that too, with all that it checks, softens and counts. The sides take turns in one process.
"""

from __future__ import annotations

import io
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

from bench.paths import ROOT
from bench.progress import Progress
from bench.report import table
from bench.stats import ratio
from retouch.pixels.colour import decode_srgb
from retouch.pixels.convert import decode, encode, encode_exactly
from retouch.pixels.inspect import inspect
from retouch.pixels.keep import feather_for, put_back

GOAL = 1.15
SIDES = (1024, 2048)  # pixels
FLOOR, OURS = "Pillow", "Retouch"
_GRAIN = 6.0  # levels of noise, as a camera's
_WARM_UP = 1  # turns
_IN_USE: Mapping[str, Mapping[str, Any]] = {  # for exact pixels, where the format can
    "png": {"compress_level": 1, "compress_type": zlib.Z_RLE},
    "webp": {"lossless": True, "exact": True, "method": 0, "quality": 0},
    "jpeg": {"quality": 95},
}
_ALSO_IN_USE = {"quality": 95, "method": 2}  # lossy WebP
_ENCODINGS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
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
    """Both tables in markdown."""
    paths = {(side, kind): pair(side, kind) for side in SIDES for kind in ("png", "webp", "jpeg")}
    image = photo(SIDES[0])
    encoders = {
        (format, said(options)): encoder(image, format, options)
        for format, each in _ENCODINGS.items()
        for options in each
    }
    progress = Progress((turns + _WARM_UP) * (len(paths) + 1))
    times = {name: measured(works, turns, progress) for name, works in paths.items()}
    spent = measured(encoders, turns, progress)
    progress.end()
    weights = {name: len(work()) for name, work in encoders.items()}
    return f"{path_table(times)}\n\n{encoder_table(spent, weights)}"


def photo(side: int) -> Image.Image:
    """The sample photo at that size, with a camera's grain: without it, it would compress like a drawing."""
    with Image.open(ROOT / "events" / "photo.png") as sample:
        smooth = sample.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    grain = Image.effect_noise((side, side), _GRAIN)
    return Image.blend(smooth, Image.merge("RGB", (grain,) * 3), 0.15)


def pair(side: int, kind: str) -> dict[str, Work]:
    """The floor and the path from two files to one of that kind."""
    image = photo(side)
    original, answer = (
        encode(each, "jpeg" if kind == "jpeg" else "png")
        for each in (image, image.filter(ImageFilter.GaussianBlur(2)))
    )
    edit = Image.new("L", image.size)
    ImageDraw.Draw(edit).ellipse((side // 4, side // 4, side // 2, side // 2), fill=255)
    return {
        FLOOR: lambda: floor(original, answer, edit, kind),
        OURS: lambda: path(original, answer, edit, kind),
    }


def floor(original: bytes, answer: bytes, edit: Image.Image, kind: str) -> bytes:
    """Pillow alone, with the same settings of its encoders."""
    before, after = (Image.open(io.BytesIO(data)) for data in (original, answer))
    mixed = Image.composite(after, before, edit)
    out = io.BytesIO()
    mixed.save(out, kind, **_IN_USE[kind])
    return out.getvalue()


def path(original: bytes, answer: bytes, edit: Image.Image, kind: str) -> bytes:
    """What is done with an answer whose mask leaves something to be put back."""
    feather = feather_for(edit.size)
    image, _ = put_back(
        decode_srgb(inspect(original)), decode(inspect(answer)), edit, feather=feather
    )
    return encode_exactly(image, kind)


def encoder(image: Image.Image, format: str, options: Mapping[str, Any]) -> Callable[[], bytes]:
    """Encodes the picture so."""

    def work() -> bytes:
        out = io.BytesIO()
        image.save(out, format, **options)
        return out.getvalue()

    return work


def measured(works: Mapping[Any, Work], turns: int, progress: Progress) -> dict[Any, list[float]]:
    """CPU milliseconds of each; who begins changes from turn to turn."""
    found: dict[Any, list[float]] = {name: [] for name in works}
    for turn in range(turns + _WARM_UP):
        for name in list(works) if turn % 2 else list(works)[::-1]:
            started = time.process_time()
            works[name]()
            if turn >= _WARM_UP:
                found[name].append(1000 * (time.process_time() - started))
        progress.step("pixels")
    return found


def path_table(times: Mapping[tuple[int, str], Mapping[str, list[float]]]) -> str:
    """How the path stands to the floor, by the median of the turns' own ratios."""
    rows = []
    for (side, kind), found in times.items():
        pairs = zip(found[OURS], found[FLOOR], strict=True)
        share = median(ratio(ours, theirs) or 0.0 for ours, theirs in pairs)
        verdict = f"≤ {GOAL} {'✓' if share <= GOAL else '✗'}"
        middles = (f"{median(found[name]):.0f}" for name in (FLOOR, OURS))
        rows.append((f"{side}x{side}, {kind.upper()}", *middles, f"{share:.2f}", verdict))
    return table(("decode, blend, encode", "Pillow, ms", "Retouch, ms", "ratio", "goal"), rows)


def encoder_table(
    times: Mapping[tuple[str, str], list[float]], weights: Mapping[tuple[str, str], int]
) -> str:
    """Milliseconds and bytes of each setting; the ones in use are bold."""
    used = {said(options) for options in (*_IN_USE.values(), _ALSO_IN_USE)}
    rows = []
    for (format, options), spent in times.items():
        name = f"{format.upper()}, {options}"
        bold = f"**{name}**" if options in used else name
        rows.append((bold, f"{median(spent):.0f}", f"{weights[format, options] / 1e3:.0f}"))
    return table((f"{SIDES[0]}x{SIDES[0]}", "ms", "KB"), rows)


def said(options: Mapping[str, Any]) -> str:
    """Settings in words."""
    return ", ".join(_words(options.items()))


def _words(options: Iterable[tuple[str, Any]]) -> Iterable[str]:
    for name, value in options:
        if value is True:
            yield name
        else:
            yield f"{name.replace('_', ' ')} {value}"
