"""Compare `local/erase` with OpenCV's Telea method, by the PSNR of the filled pixels on pictures of our own.

The pictures and holes are drawn by `bench/inpaint_pictures.py` and `bench/inpaint_holes.py`. A hole is painted in one
colour before it is filled, so no method sees what was there.
"""

from __future__ import annotations

from math import inf, log10
from statistics import mean

import cv2
import numpy as np
from PIL import Image, ImageChops, ImageStat

from bench.inpaint_holes import HOLES, draw_hole
from bench.inpaint_pictures import PICTURES, draw_picture
from bench.progress import Progress
from bench.report import markdown_table
from retouch.imaging.inpaint.erase import erase_area

PICTURE_SIZE = (480, 360)
_PAINT = (255, 0, 255)
_TELEA_RADIUS = 3  # pixels; 5 is worse on most of the pictures


def run() -> str:
    """Measure and return the table in markdown: Telea / Retouch in decibels for each picture and hole."""
    progress = Progress(len(PICTURES) * len(HOLES))
    rows, by_hole = [], {hole: list[tuple[float, float]]() for hole in HOLES}
    for picture_name in PICTURES:
        picture, cells = draw_picture(picture_name, PICTURE_SIZE), []
        for hole_name in HOLES:
            pair = compare_fills(picture, draw_hole(hole_name, PICTURE_SIZE))
            by_hole[hole_name].append(pair)
            cells.append(format_pair(pair))
            progress.advance(picture_name)
        rows.append((picture_name, *cells))
    progress.finish()
    means = [
        format_pair((mean(telea for telea, _ in pairs), mean(ours for _, ours in pairs)))
        for pairs in by_hole.values()
    ]
    return markdown_table(("Telea / Retouch, dB", *HOLES), [*rows, ("**mean**", *means)])


def compare_fills(picture: Image.Image, hole: Image.Image) -> tuple[float, float]:
    """Return the PSNR of Telea and of Retouch in decibels."""
    painted = paint_hole(picture, hole)
    telea = psnr(picture, fill_with_telea(painted, hole), hole)
    return telea, psnr(picture, erase_area(painted, hole), hole)


def paint_hole(picture: Image.Image, hole: Image.Image) -> Image.Image:
    """Return the picture with the hole in one colour."""
    painted = picture.copy()
    painted.paste(_PAINT, mask=hole)
    return painted


def fill_with_telea(painted: Image.Image, hole: Image.Image) -> Image.Image:
    """Return the picture filled by OpenCV."""
    filled = cv2.inpaint(np.asarray(painted), np.asarray(hole), _TELEA_RADIUS, cv2.INPAINT_TELEA)
    return Image.fromarray(filled)


def psnr(picture: Image.Image, filled: Image.Image, hole: Image.Image) -> float:
    """Return the peak signal-to-noise ratio of the pixels in the hole, in decibels. More is better."""
    statistics = ImageStat.Stat(ImageChops.difference(picture, filled), hole)
    mean_square = mean(square_sum / statistics.count[0] for square_sum in statistics.sum2)
    return 10 * log10(255**2 / mean_square) if mean_square else inf


def format_pair(pair: tuple[float, float]) -> str:
    """Return both values, the better one in bold."""
    telea, ours = (f"{value:.1f}" for value in pair)
    return f"{telea} / **{ours}**" if pair[1] >= pair[0] else f"**{telea}** / {ours}"
