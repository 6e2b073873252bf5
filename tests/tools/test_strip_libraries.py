"""Tests of the removal of symbols from shared libraries."""

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import PIL
import pytest

from tools.aws.strip_libraries import main, strip_library

SITE = Path(PIL.__file__).parents[1]
LIBRARIES = sorted(SITE.glob("PIL/*.so")) + sorted(SITE.glob("[Pp]illow.libs/*.so*"))
PT_LOAD = 1


def segments(data):
    """Return (type, offset, address, bytes, alignment) of each segment."""
    (table,) = struct.unpack_from("<Q", data, 32)
    (count,) = struct.unpack_from("<H", data, 56)
    for i in range(count):
        kind, _, offset, address, _, size, _, align = struct.unpack_from(
            "<IIQQQQQQ", data, table + 56 * i
        )
        yield kind, offset, address, data[offset : offset + size], align


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda path: path.name)
def test_stripped_library_keeps_every_segment_and_no_sections(library):
    data = library.read_bytes()
    stripped = strip_library(data)
    before, after = list(segments(data)), list(segments(stripped))
    head = next(i for i, segment in enumerate(before) if segment[0] == PT_LOAD)
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        assert (old[0], old[2], len(old[3]), old[4]) == (new[0], new[2], len(new[3]), new[4])
        if (
            i != head and old[0] != 6
        ):  # these two hold the headers, which say where the segments are
            assert old[3] == new[3]
        if old[0] == PT_LOAD and old[3]:
            assert new[1] % new[4] == new[2] % new[4]
    assert struct.unpack_from("<Q", stripped, 40) == (0,)
    assert struct.unpack_from("<H", stripped, 60) == (0,)
    assert len(stripped) <= len(data)
    assert strip_library(stripped) == stripped


@pytest.mark.skipif(sys.platform != "linux", reason="not run: only Linux loads these libraries")
def test_stripped_libraries_can_be_loaded_and_decode(tmp_path):
    for folder in ("PIL", LIBRARIES[-1].parent.name):
        shutil.copytree(SITE / folder, tmp_path / folder)
    before = sum(file.stat().st_size for file in tmp_path.rglob("*.so*"))
    main(tmp_path)
    assert sum(file.stat().st_size for file in tmp_path.rglob("*.so*")) < 0.95 * before
    code = """
import io, PIL
from PIL import Image, ImageCms, ImageFont, features
print(PIL.__file__)
for format in ("PNG", "JPEG", "WEBP", "AVIF", "TIFF"):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, format)
    assert Image.open(io.BytesIO(file.getvalue())).load()[0, 0][0] > 200
ImageFont.load_default(9).getbbox("text")
ImageCms.createProfile("sRGB")
"""
    completed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout.startswith(str(tmp_path))


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF\x01\x01" + bytes(60)])
def test_other_file_is_returned_unchanged(data):
    assert strip_library(data) == data


def test_library_whose_headers_are_in_no_segment_is_refused():
    data = bytearray(LIBRARIES[0].read_bytes())
    (table,) = struct.unpack_from("<Q", data, 32)
    moved = data + data[table : table + 56 * struct.unpack_from("<H", data, 56)[0]]
    struct.pack_into("<Q", moved, 32, len(data))
    with pytest.raises(ValueError, match="is in no segment"):
        strip_library(bytes(moved))
