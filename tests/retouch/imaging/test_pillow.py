"""Tests of the lazy import of Pillow and of its restrictions."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as PillowImage

import retouch
from retouch.imaging.pillow import Image

PACKAGE = Path(retouch.__file__).parent
RESTRICTED = {"Image", "ImageChops", "ImageFilter", "ImageStat"}


def run_python(code):
    """Run code in a new process, with this process's path, and return what it prints."""
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert completed.returncode == 0, completed.stderr
    return completed.stdout.split()


def test_pillow_is_imported_with_the_first_use_only():
    code = """
import sys, retouch.imaging.codec
print("PIL" in sys.modules)
retouch.imaging.codec.Image.new("L", (1, 1))
print("PIL" in sys.modules)
"""
    assert run_python(code) == ["False", "True"]


@pytest.mark.parametrize("module", ["Image", "ImageChops", "ImageFilter", "ImageStat"])
def test_first_use_of_any_module_restricts_pillow(module):
    code = f"""
import sys
from retouch.imaging.limits import DEFAULT_LIMITS
from retouch.imaging import pillow
pillow.{module}.__name__
from PIL import Image
Image.init()
print(Image.MAX_IMAGE_PIXELS == DEFAULT_LIMITS.pixels, *sorted(Image.OPEN))
"""
    assert run_python(code) == ["True", "JPEG", "PNG", "WEBP"]


@pytest.mark.parametrize("format", ["GIF", "TIFF", "BMP", "AVIF"])
def test_first_image_of_a_format_with_a_decoder_of_its_own_restricts_pillow(format, tmp_path):
    file = tmp_path / "image"
    PillowImage.new("RGB", (16, 16), "red").save(file, format)
    code = f"""
from pathlib import Path
from retouch.imaging.codec import decode
from retouch.imaging.limits import DEFAULT_LIMITS
decode(Path({str(file)!r}).read_bytes())
from PIL import Image, _imaging
print(Image.MAX_IMAGE_PIXELS == DEFAULT_LIMITS.pixels, Image._initialized, _imaging.get_block_size())
"""
    assert run_python(code) == ["True", "2", "67108864"]


def test_attribute_that_is_not_in_pillow_is_named():
    with pytest.raises(AttributeError, match=r"PIL.Image.*no_such_function"):
        Image.no_such_function  # type: ignore[attr-defined] # noqa: B018


def test_class_is_that_of_pillow():
    assert Image.Image is PillowImage.Image


def imported_from_pillow(tree):
    """Return the modules of Pillow that the code imports at run time."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "PIL":
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("PIL."):
            yield str(node.module).removeprefix("PIL.")
        if isinstance(node, ast.Import):
            yield from ("Image" for alias in node.names if alias.name.startswith("PIL"))
        yield from imported_from_pillow(node)


def test_no_other_module_imports_unrestricted_pillow():
    importers = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if RESTRICTED & set(imported_from_pillow(ast.parse(file.read_text())))
    }
    assert importers == {"imaging/pillow.py"}
