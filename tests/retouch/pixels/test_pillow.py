"""The door to Pillow, tried from outside: what it loads is a fact about a whole process."""

import subprocess
import sys
from pathlib import Path

import pytest

from retouch.pixels.pillow import load
from retouch.pixels.refusal import UnfitError
from tests.retouch.pixels.samples import KINDS, exif, sample
from tests.support.pictures import encoded, scene

ROOT = Path(__file__).parents[3]
START = """
import sys
sys.path[:0] = ["layers/retouch", "."]
"""
SEEN = """
print(*sorted(m for m in sys.modules if m.startswith("PIL.") and m.endswith("Plugin")))
"""
ALLOWED = {"PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.WebPImagePlugin"}


def plugins_after(code):
    run = [sys.executable, "-c", START + code + SEEN]
    return set(
        subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    )


def test_inspecting_does_not_load_pillow_at_all():
    code = (
        'from retouch.pixels.inspect import inspect; inspect(open("events/photo.png", "rb").read())'
    )
    assert not plugins_after(code)
    assert not plugins_after(code + '; assert not any(m.startswith("PIL") for m in sys.modules)')


def test_decoding_loads_three_plugins_and_no_other(tmp_path):
    files = {kind: sample(kind) for kind in KINDS}
    files["turned"] = encoded(scene(), "JPEG", exif=exif(6))
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    assert (
        plugins_after(f"""
from pathlib import Path
from retouch.pixels.colour import normalise
from retouch.pixels.convert import decode, encode
from retouch.pixels.inspect import inspect
for path in Path({str(tmp_path)!r}).iterdir():
    data = path.read_bytes()
    for format in ("png", "jpeg", "webp"):
        encode(decode(data), format)
    normalise(inspect(data))
""")
        == ALLOWED
    )


def test_drawing_keeping_and_colours_load_neither_fonts_nor_an_evaluator():
    code = """
from retouch.pixels.colour import normalise
from retouch.pixels.convert import decode
from retouch.pixels.frame import apply, pad_to_ratio
from retouch.pixels.inspect import inspect
from retouch.pixels.colour import decode_srgb
from retouch.pixels.keep import put_back
from retouch.pixels.shapes import draw_mask
from retouch.pixels.squeeze import smaller_png
picture = inspect(open("events/photo.png", "rb").read())
points = [[0.1, 0.1], [0.9, 0.5], [0.1, 0.9]]
shapes = [{"type": "polygon", "points": points}, {"type": "circle", "cx": 0.5, "cy": 0.5, "r": 0.1}]
mask = draw_mask({"shapes": shapes, "unit": "fraction", "feather": 0.01}, picture)
put_back(decode_srgb(picture), decode(picture), mask.edit, feather=3)
apply(pad_to_ratio(picture.size, (16, 9)), decode(normalise(picture)), fill="edge")
for word in ("ImageFont", "ImageDraw", "ImageText", "ImageMath", "_imagingft"):
    assert "PIL." + word not in sys.modules, word
"""
    assert plugins_after(code) == ALLOWED


def test_not_even_a_careless_open_reaches_another_decoder(tmp_path):
    (tmp_path / "a.gif").write_bytes(b"GIF89a" + bytes(100))
    assert (
        plugins_after(f"""
from PIL import Image
import retouch.pixels.convert
for again in range(2):
    try:
        Image.open(open({str(tmp_path / "a.gif")!r}, "rb"))
        raise SystemExit("a GIF was opened")
    except Image.UnidentifiedImageError:
        pass
""")
        == ALLOWED
    )


def test_a_file_of_another_size_than_its_header_is_refused():
    with pytest.raises(UnfitError):
        load(sample("png"), "png", (45, 31))
    assert load(sample("png"), "png", (45, 30)).size == (45, 30)


def test_a_file_of_another_format_is_refused():
    with pytest.raises(UnfitError):
        load(sample("png"), "jpeg", (45, 30))
