"""Tests of loading Pillow. Each test starts a process, because loaded modules belong to a whole process."""

import subprocess
import sys
from pathlib import Path

import pytest

from retouch.imaging.codec import load_with_pillow
from retouch.imaging.errors import InvalidImage
from tests.retouch.imaging.samples import SAMPLE_KINDS, exif_with_orientation, sample_bytes
from tests.support.images import encode_image, scene

ROOT = Path(__file__).parents[3]
PRELUDE = """
import sys
sys.path[:0] = ["layers/retouch", "."]
"""
PRINT_PLUGINS = """
print(*sorted(m for m in sys.modules if m.startswith("PIL.") and m.endswith("Plugin")))
"""
ALLOWED_PLUGINS = {"PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.WebPImagePlugin"}


def loaded_plugins(code):
    command = [sys.executable, "-c", PRELUDE + code + PRINT_PLUGINS]
    return set(
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    )


def test_inspect_does_not_import_pillow():
    code = 'from retouch.imaging.inspect import inspect_image; inspect_image(open("events/photo.png", "rb").read())'
    assert not loaded_plugins(code)
    assert not loaded_plugins(code + '; assert not any(m.startswith("PIL") for m in sys.modules)')


def test_decoding_loads_only_three_plugins(tmp_path):
    files = {kind: sample_bytes(kind) for kind in SAMPLE_KINDS}
    files["turned"] = encode_image(scene(), "JPEG", exif=exif_with_orientation(6))
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    assert (
        loaded_plugins(f"""
from pathlib import Path
from retouch.imaging.colour import normalize_image
from retouch.imaging.codec import decode, encode
from retouch.imaging.inspect import inspect_image
for path in Path({str(tmp_path)!r}).iterdir():
    data = path.read_bytes()
    for format in ("png", "jpeg", "webp"):
        encode(decode(data), format)
    normalize_image(inspect_image(data))
""")
        == ALLOWED_PLUGINS
    )


@pytest.mark.parametrize(
    ("kind", "modules"),
    [
        ("heic", {"pillow_heif"}),
        ("avif", {"PIL.AvifImagePlugin"}),
        ("gif", {"PIL.GifImagePlugin"}),
        ("tiff", {"PIL.TiffImagePlugin"}),
        ("bmp", {"PIL.BmpImagePlugin"}),
    ],
)
def test_decoder_of_converted_format_is_loaded_when_such_a_file_comes(tmp_path, kind, modules):
    (tmp_path / "image").write_bytes(sample_bytes(kind))
    loaded = loaded_plugins(f"""
from pathlib import Path
from retouch.imaging.codec import decode
from retouch.imaging.inspect import inspect_image
image = inspect_image(Path({str(tmp_path / "image")!r}).read_bytes())
for name in {modules!r}:
    assert name not in sys.modules, name
decode(image)
for name in {modules!r}:
    assert name in sys.modules, name
""")
    assert loaded - ALLOWED_PLUGINS == {name for name in modules if name.startswith("PIL.")}


def test_imaging_functions_load_no_font_or_math_modules():
    code = """
from retouch.imaging.colour import normalize_image
from retouch.imaging.codec import decode
from retouch.imaging.placement import pad_to_ratio, place_image
from retouch.imaging.inspect import inspect_image
from retouch.imaging.colour import decode_srgb
from retouch.imaging.compose import composite_original
from retouch.imaging.masks.shapes import draw_mask
from retouch.imaging.png_output import recompress_png
picture = inspect_image(open("events/photo.png", "rb").read())
points = [[0.1, 0.1], [0.9, 0.5], [0.1, 0.9]]
shapes = [{"type": "polygon", "points": points}, {"type": "circle", "cx": 0.5, "cy": 0.5, "r": 0.1}]
mask = draw_mask({"shapes": shapes, "unit": "fraction", "feather": 0.01}, picture)
composite_original(decode_srgb(picture), decode(picture), mask.pixels, feather=3)
place_image(pad_to_ratio(picture.size, (16, 9)), decode(normalize_image(picture)), fill="edge")
for word in ("ImageFont", "ImageDraw", "ImageText", "ImageMath", "_imagingft"):
    assert "PIL." + word not in sys.modules, word
"""
    assert loaded_plugins(code) == ALLOWED_PLUGINS


def test_plain_image_open_cannot_use_other_decoders(tmp_path):
    (tmp_path / "a.gif").write_bytes(b"GIF89a" + bytes(100))
    assert (
        loaded_plugins(f"""
from retouch.imaging.pillow import Image
for again in range(2):
    try:
        Image.open(open({str(tmp_path / "a.gif")!r}, "rb"))
        raise SystemExit("a GIF was opened")
    except Image.UnidentifiedImageError:
        pass
""")
        == ALLOWED_PLUGINS
    )


def test_file_with_size_other_than_header_is_rejected():
    with pytest.raises(InvalidImage):
        load_with_pillow(sample_bytes("png"), "png", (45, 31))
    assert load_with_pillow(sample_bytes("png"), "png", (45, 30)).size == (45, 30)


def test_file_of_another_format_is_rejected():
    with pytest.raises(InvalidImage):
        load_with_pillow(sample_bytes("png"), "jpeg", (45, 30))
